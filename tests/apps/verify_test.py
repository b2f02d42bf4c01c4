"""rankine verify: whole files, bytes changed where h5py says a chunk lies, files cut short."""

import json
import re
import unittest

import h5py
import numpy as np

import support
from support import Case, rankine


class Verify(Case):
    def make(self, name="whole.h5"):
        values = np.random.default_rng(1).normal(size=(40, 50)).astype("f4")
        with h5py.File(self.path(name), "w") as file:
            file.create_dataset("packed", data=values, chunks=(7, 20), compression="gzip",
                                shuffle=True)
            file.create_dataset("summed", data=values, chunks=(7, 20), fletcher32=True)
            file.create_dataset("g/plain", data=values)
            file.create_dataset("scalar", data=np.float64(1.5))
            file.create_dataset("big", data=np.arange(5, dtype=">i2"))
            file.create_dataset("mask", data=np.array([True, False]))
            file.create_dataset("zero", (0, 3), "f8", maxshape=(None, 3), chunks=(4, 3))
            file.create_dataset("null", data=h5py.Empty("i4"))
            file.create_dataset("unwritten", (2**40, 2**20), "f4", chunks=(1024, 1024))
            file.create_dataset("unwritten_whole", (2**40, 2**20), "f4")
            file.create_dataset("text", data="hello")
            file["link"] = h5py.SoftLink("/nowhere")
        return name

    def damage(self, name, data_set, *chunk):
        """Another byte in the middle of a chunk, given by the index of its first element."""
        with h5py.File(self.path(name)) as file:
            stored = file[data_set].id.get_chunk_info_by_coord(chunk)
        with open(self.path(name), "r+b") as file:
            file.seek(stored.byte_offset + stored.size // 2)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 0x55]))

    def bad(self, *arguments):
        """The places that verify finds, by file, from its JSON."""
        result = self.run_here("verify", "--json", "--quiet", *arguments)
        self.assertEqual(result.returncode, 3, result.stderr)
        found = json.loads(result.stdout)
        found = found if isinstance(found, list) else [found]
        return {file["path"]: [(bad["place"], bad["what"]) for bad in file["bad"]]
                for file in found}

    def test_a_whole_file_is_one_line_and_what_cannot_be_said_of_it(self):
        result = self.run_here("verify", self.make(), "--quiet")
        self.assert_done(result)
        lines = result.stdout.decode().splitlines()
        self.assertRegex(lines[0], r"\Awhole.h5: whole, 10 data sets, 40 chunks, \S+ KiB stored, "
                                   r"23.5 KiB raw, \d+ MB/s\Z")
        self.assertEqual(lines[1:], [
            "  no checksum, so changed values would go unnoticed: /big, /g/plain, /mask, /scalar",
            "  not checked: /link is a link to nothing in this file",
            "  not checked: /text: string"])

    def test_json_has_the_same(self):
        name = self.make()
        result = self.run_here("verify", "--json", "--quiet", name)
        self.assert_done(result)
        found = json.loads(result.stdout)
        with h5py.File(self.path(name)) as file:
            stored = sum(file[data_set].id.get_storage_size() for data_set in (
                "packed", "summed", "g/plain", "scalar", "big", "mask"))
        self.assertEqual((found["path"], found["whole"], found["bad"]), (name, True, []))
        self.assertEqual((found["data_sets"], found["chunks"]), (10, 36 + 4))
        self.assertEqual((found["stored_bytes"], found["raw_bytes"]),
                         (stored, 3 * 8000 + 8 + 10 + 2))
        self.assertEqual(found["not_checked"][-1], {"place": "/text", "what": "string"})

    def test_small_chunks_are_read_together_and_named_one_by_one(self):
        with h5py.File(self.path("small.h5"), "w", libver="latest") as file:
            file.create_dataset("few", (1000, 300), "i2", chunks=(1, 1))[5, 7] = 3
            file.create_dataset("summed", data=np.arange(800 * 9 * 4.0).reshape(800, 9, 4),
                                chunks=(3, 2, 3), fletcher32=True)
        result = self.run_here("verify", "small.h5", "--quiet", "--stages", "stages.json")
        self.assert_done(result)
        self.assertIn(f"2 data sets, {300_000 + 267 * 5 * 2} chunks", result.stdout.decode())
        with open(self.path("stages.json"), encoding="ascii") as file:
            self.assertLess(json.load(file)["ranks_detail"][0]["tasks_run"], 1000)
        for chunk in ((399, 4, 0), (399, 2, 3), (600, 0, 0)):
            self.damage("small.h5", "summed", *chunk)
        places = [place for place, _ in self.bad("small.h5")["small.h5"]]
        self.assertEqual(places, [f"/summed, chunk {at}"
                                  for at in ("(133, 1, 1)", "(133, 2, 0)", "(200, 0, 0)")])

    def test_every_damaged_chunk_is_named(self):
        name = self.make()
        for chunk in ((21, 0), (7, 40), (35, 20)):
            self.damage(name, "packed", *chunk)
        for chunk in ((35, 40), (14, 20)):
            self.damage(name, "summed", *chunk)
        wanted = [(f"/packed, chunk {at}", "corrupt deflate stream")
                  for at in ("(1, 2)", "(3, 0)", "(5, 1)")]
        wanted += [(f"/summed, chunk {at}", "wrong fletcher32 checksum")
                   for at in ("(2, 1)", "(5, 2)")]
        self.assertEqual(self.bad(name), {name: wanted})
        other = self.make("other.h5")
        self.assertEqual(self.bad(other, name, other), {other: [], name: wanted})

        alone = self.run_here("verify", name, "--quiet")
        self.assertEqual(alone.returncode, 3)
        self.assertIn(b"whole.h5: 5 bad, 10 data sets, ", alone.stdout)
        self.assertIn(b"\n  bad: /packed, chunk (1, 2): corrupt deflate stream\n", alone.stdout)
        self.assertRegex(alone.stderr, rb"\Arankine: error: 1 of the files given .*\n  try: .*\n\Z")

    def test_after_many_bad_chunks_the_rest_is_not_looked_at(self):
        with h5py.File(self.path("many.h5"), "w") as file:
            many = file.create_dataset("x", (40,), "f8", chunks=(1,), compression="gzip")
            for i in range(40):
                many.id.write_direct_chunk((i,), b"no stream")
        found = self.bad("many.h5")["many.h5"]
        self.assertEqual([place for place, _ in found], [f"/x, chunk ({i},)" for i in range(16)])
        told = self.run_here("verify", "many.h5", "--quiet").stdout
        self.assertIn(b"not checked: /x: the rest of it, after 16 bad chunks", told)

    def test_any_ranks_and_threads_say_the_same(self):
        name = self.make()
        for chunk in ((0, 0), (14, 40), (21, 20), (35, 20)):
            self.damage(name, "packed", *chunk)
            self.damage(name, "summed", *chunk)

        def told(result):
            self.assertEqual(result.returncode, 3, result.stderr)
            return re.sub(rb"\d+ MB/s", b"", result.stdout)
        wanted = told(self.run_here("verify", name, "--threads", "1"))
        self.assertIn(b"/packed, chunk (0, 0)", wanted)
        for ranks, threads in ((1, 3), (2, 2), (3, 1)):
            with self.subTest(ranks=ranks, threads=threads):
                self.assertEqual(wanted, told(self.run_ranks(
                    "verify", name, "--threads", str(threads), ranks=ranks)))

    def test_a_file_cut_short_or_missing_does_not_keep_others_from_being_checked(self):
        name = self.make()
        with open(self.path(name), "rb") as whole, open(self.path("cut.h5"), "wb") as cut:
            cut.write(whole.read()[:-5000])
        found = self.bad("cut.h5", "missing.h5", name)
        self.assertEqual(found[name], [])
        self.assertEqual([len(found["cut.h5"]), len(found["missing.h5"])], [1, 1])
        self.assertIn("truncated", found["cut.h5"][0][1])
        self.assertIn("No such file", found["missing.h5"][0][1])

    def test_data_that_the_memory_cannot_hold_are_not_taken_for_whole(self):
        with h5py.File(self.path("large.h5"), "w") as file:
            large = file.create_dataset("x", (10,), "f8", maxshape=(None,), chunks=(2**28,),
                                        compression="gzip")
            large.id.write_direct_chunk((0,), b"never looked at")
            file.create_dataset("y", data=np.zeros(10))
        found = self.bad("large.h5", "--memory", "512MiB")["large.h5"]
        self.assertEqual([place for place, _ in found], ["/x"])
        self.assertIn("the plan needs", found[0][1])

    def test_a_result_of_rankine_is_whole(self):
        self.assertEqual(rankine("sample", "-o", self.path("s.nc"), "--shape", "6,8,10").returncode,
                         0)
        result = self.run_here("verify", "s.nc", "--quiet")
        self.assert_done(result)
        self.assertNotIn(b"not checked", result.stdout)


if __name__ == "__main__":
    support.main()
