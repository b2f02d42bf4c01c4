"""One file whatever the number of ranks and threads, and work and memory shared among the ranks."""
import filecmp

import h5py
import numpy as np

import support
from support import Test, assert_within, check_run, load_json, read_output

EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}
MAIN_JOB = "anom = t2m - mean(t2m, time)"
PROGRAMS = {
    "two outputs": "top = max(t2m, time); spread = std(t2m, lat, lon)",
    "one number": "m = mean(t2m); v = var(t2m)",
    "another chunking": "y = rechunk(t2m, time=-1, lat=5, lon=7)",
    "joined": "y = concatenate(t2m[::2], t2m[1::2] - 273.15, axis=time)",
    "a product": "y = matmul(t2m[0:12, :, 5] - 273.15, transpose(t2m[12:30, :, 7]))",
    "neighbours": "_d = t2m - shift(t2m, time=1); y = where(_d > 0, sqrt(_d), 0); n = count(_d)",
}


def cases(everywhere):
    """Ranks (0: without a launcher) and threads."""
    if everywhere:
        return [(r, t) for r in (0, 1, 2, 3, 5) for t in (1, 2)]
    return [(0, 1), (0, 2), (1, 2), (2, 1), (3, 2), (5, 1)]


class Sameness(Test):
    def setUp(self):
        super().setUp()
        self.sample = self.folder / "sample.nc"
        check_run("sample", "-o", self.sample, "--shape", "31,37,45", "--chunks", "4,10,12",
                  "--missing", "0.02", "--seed", support.SEED)

    def check_program(self, program, runs, name="main"):
        first = None
        for ranks, threads in runs:
            output = self.folder / f"{name.replace(' ', '-')}-{ranks}-{threads}.nc"
            check_run("eval", program, self.sample, "-o", output, "--threads", threads,
                      ranks=ranks, env=EPOCH)
            first = first or output
            self.assertTrue(filecmp.cmp(first, output, shallow=False),
                            f"{program}: {ranks} ranks x {threads} threads give other bytes")
        return first

    def test_the_main_job(self):
        output = self.check_program(MAIN_JOB, cases(everywhere=True))
        got = read_output(output)["anom"]
        x = read_output(self.sample)["t2m"].astype("f8")
        assert_within(got, x - np.nanmean(x, 0), 1e-4, MAIN_JOB)  # of values near 300 in float32

    def test_other_programs(self):
        for name, program in PROGRAMS.items():
            with self.each(name):
                self.check_program(program, cases(everywhere=False), name)

    def test_results_that_are_printed(self):
        texts = {check_run("eval", "m = mean(t2m); c = count(t2m, lat, lon)", self.sample,
                           "--threads", threads, ranks=ranks).out
                 for ranks, threads in ((0, 1), (0, 2), (3, 1), (5, 2))}
        self.assertEqual(len(texts), 1, texts)
        self.assertRegex(texts.pop(), r"^2\d\d\.\d+\nc int64 \(time: 31\)\n1\d\d\d ")


class Sharing(Test):
    """The main job on a field of 63 MB and three ranks."""

    def setUp(self):
        super().setUp()
        self.sample = self.folder / "sample.nc"
        check_run("sample", "-o", self.sample, "--shape", "120,181,720", "--chunks", "12,46,180",
                  "--deflate", "1")
        self.base = self.ranks_of("x = t2m[0, 0, 0]", "base")
        self.main = self.ranks_of(MAIN_JOB, "main")

    def ranks_of(self, program, name):
        # Tasks stay where the plan puts them: what crosses is a matter of the plan, not of speed.
        stages = self.folder / f"{name}.json"
        check_run("eval", program, self.sample, "-o", self.folder / f"{name}.nc", "--stages",
                  stages, "--threads", "1", "--steal", "off", ranks=3)
        self.stages = load_json(stages)
        self.assertEqual(self.stages["ranks"], 3)
        self.assertEqual(self.stages["threads"], 1)
        ranks = self.stages["ranks_detail"]
        self.assertEqual([r["rank"] for r in ranks], [0, 1, 2])
        return ranks

    def test_every_rank_works_and_none_holds_the_whole(self):
        with h5py.File(self.sample) as file:
            raw = file["t2m"].size * 4
            stored = file["t2m"].id.get_storage_size()
        self.assertEqual([s["name"] for s in self.stages["stages"]],
                         ["construct", "optimize", "serialize", "communicate", "schedule",
                          "execute"])
        tasks = sum(r["tasks_run"] for r in self.main)
        self.assertEqual(tasks, self.stages["stages"][-1]["tasks_out"])
        for base, rank in zip(self.base, self.main):
            with self.each(f"rank {rank['rank']}: {rank}"):
                self.assertGreaterEqual(rank["tasks_run"], 0.2 * tasks)
                self.assertLessEqual(rank["peak_rss_bytes"], rank["promised_bytes"])
                self.assertLess(rank["peak_rss_bytes"] - base["peak_rss_bytes"], raw)
                self.assertGreater(rank["bytes_read"], 0)
        # The field is read once, or again for the second use; what crosses is means, not the field.
        read = sum(r["bytes_read"] for r in self.main)
        self.assertGreaterEqual(read, stored)
        self.assertLess(read, 2.5 * stored)
        sent = sum(r["bytes_sent_to_peers"] for r in self.main)
        received = [r["bytes_received_from_peers"] for r in self.main]
        self.assertGreater(sent, 0)
        self.assertLess(sent, raw / 10)
        self.assertEqual(sum(received), sent)
        # A chunk that went by way of rank 0 would be received there, and sent on from there.
        self.assertLess(received[0], 0.5 * sent)
        self.assertLess(received[0] + self.main[0]["bytes_sent_to_peers"], sent)


if __name__ == "__main__":
    support.main()
