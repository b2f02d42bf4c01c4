"""What may go wrong around a run: outputs that are inputs, signals, limits of the system, closed
streams, ranks that disagree. Exit codes, one error block, nothing left behind."""

import json
import os
import resource
import shutil
import signal
import subprocess
import time
import unittest

import h5py
import numpy as np

import support
from support import Case, LAUNCH, PATIENCE, RANKINE, environment, launcher, rankine

# Hours of work in small tasks, and in tasks of which each takes seconds.
LONG = "a = sin(sin(sin(arange(3000000000))))"
LONG_TASKS = "a = sin(sin(sin(sin(sin(sin(arange(3000000000, chunk=20000000)))))))"


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Run(Case):
    """Every case has a small file s.nc and an output folder that must stay as it was."""

    SHAPE = "6,8,10"

    def setUp(self):
        super().setUp()
        self.assertEqual(rankine("sample", "-o", self.path("s.nc"), "--shape", self.SHAPE,
                                 "--chunks", "2,8,10").returncode, 0)

    def contents(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def state(self):
        """What every name in the folder leads to; None where it leads nowhere."""
        return {name: self.contents(name) if os.path.exists(self.path(name)) else None
                for name in self.entries()}

    def refused(self, code, *arguments, words=(), **options):
        """Nothing appears, nothing changes."""
        before = self.state()
        result = self.run_here(*arguments, **options)
        self.assert_block(result, code, *words)
        self.assertEqual(self.state(), before)


class Clashes(Run):
    def test_an_input_is_never_replaced_whether_the_result_reads_it_or_not(self):
        shutil.copy(self.path("s.nc"), self.path("t.nc"))
        os.link(self.path("t.nc"), self.path("hard.nc"))
        for arguments in (["a = 1 + 1", "s.nc", "-o", "s.nc"],
                          ["a = zeros(10)", "s.nc", "-o", "s.nc"],
                          ["a = zeros(10)", "s.nc:/t2m", "-o", "./s.nc"],
                          ["a = t2m + 1", "s.nc", "-v", "y=t.nc:/t2m", "-o", "t.nc"],
                          ["a = t2m + 1", "s.nc", "-v", "y=t.nc:/t2m", "-o", "hard.nc"],
                          ["a = 1 + 1", "-v", "y=t.nc:/t2m", "-o", "hard.nc"]):
            with self.subTest(arguments):
                self.refused(2, "eval", *arguments, "--overwrite", "--quiet",
                             words=["the output is one of the inputs"])

    def test_a_path_inside_the_positional_file_is_no_file(self):
        result = self.run_here("eval", "a = y + 1", "s.nc", "-v", "y=/t2m", "-o", "o.nc", "--quiet")
        self.assert_done(result)

    def test_an_output_without_a_name_is_refused(self):
        self.refused(2, "eval", "a = t2m", "s.nc", "-o", "", words=["output"])
        self.refused(2, "eval", "a = t2m", "s.nc", "--output=", words=["output"])
        self.refused(2, "sample", "-o", "", words=["output"])


class Stages(Run):
    def test_the_file_of_stages_replaces_neither_inputs_nor_the_output(self):
        shutil.copy(self.path("s.nc"), self.path("t.nc"))
        os.symlink("t.nc", self.path("soft.nc"))
        os.symlink("o.nc", self.path("dangling.nc"))
        for arguments in (["a = t2m", "s.nc", "-o", "o.nc", "--stages", "s.nc"],
                          ["a = t2m", "s.nc", "-o", "o.nc", "--stages", "o.nc"],
                          ["a = t2m", "s.nc", "-o", "o.nc", "--stages", "dangling.nc"],
                          ["a = t2m", "s.nc", "-o", "o.nc", "--stages", "o.nc.part"],
                          ["a = 1 + 1", "s.nc", "-o", "o.nc", "--stages", "./s.nc"],
                          ["a = 1 + 1", "s.nc", "--stages", "s.nc"],
                          ["a = t2m", "s.nc", "-v", "y=t.nc:/t2m", "--stages", "soft.nc"]):
            with self.subTest(arguments):
                self.refused(2, "eval", *arguments, "--quiet", words=["--stages"])

    def test_only_stages_are_replaced_by_stages(self):
        with open(self.path("notes.txt"), "w") as file:
            file.write("precious")
        self.refused(2, "eval", "a = mean(t2m)", "s.nc", "--stages", "notes.txt", words=["notes.txt"])
        for _ in range(2):
            self.assertEqual(self.run_here("eval", "a = mean(t2m)", "s.nc", "--quiet", "--stages",
                                           "stages.json").returncode, 0)
            self.assertEqual(len(json.loads(self.contents("stages.json"))["stages"]), 6)

    def test_a_file_of_stages_that_cannot_be_written_is_told_before_anything_is_done(self):
        self.refused(3, "eval", "a = t2m", "s.nc", "-o", "o.nc", "--stages", "nofolder/x.json",
                     words=["nofolder", "--stages"])
        self.refused(5, "eval", "a = t2m", "s.nc", "-o", "o.nc", "--stages", self.folder)

    def test_a_run_that_fails_leaves_no_empty_file_of_stages(self):
        self.refused(4, "eval", "a = t2m", "s.nc", "-o", "o.nc", "--stages", "x.json", "--memory",
                     "1MiB")


class Signals(Run):
    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)

    def start(self, *arguments, prefix=(), env=None, **options):
        process = subprocess.Popen([*prefix, RANKINE, *arguments], cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL, env=env or environment(), **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_until(self, condition, process):
        """Until the run is so far. It is hours away from its end."""
        end = time.monotonic() + PATIENCE
        while not condition():
            self.assertIsNone(process.poll(), "it ended too early")
            self.assertLess(time.monotonic(), end, "it does not get on")
            time.sleep(0.002)

    def logs(self, count):
        folder = self.path(".o.nc.rankine")
        names = [f"{folder}/log.{rank}" for rank in range(count)]
        return lambda: all(os.path.exists(name) and os.path.getsize(name) for name in names)

    def end_of(self, process, left=("s.nc",)):
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.fail("it does not stop")
        self.assertEqual(self.entries(), list(left), err.decode())
        return err.decode()

    JOURNAL = (".o.nc.rankine", "s.nc")

    def test_a_signal_ends_a_run_and_leaves_its_journal(self):
        for number in self.SIGNALS:
            with self.subTest(number):
                process = self.start("eval", LONG, "-o", "o.nc", "--quiet")
                self.wait_until(self.logs(1), process)
                process.send_signal(number)
                told = self.end_of(process, self.JOURNAL)
                self.assertEqual(process.returncode, 75, told)
                shutil.rmtree(self.path(".o.nc.rankine"))
                self.assertRegex(told, rf"\Arankine: error: stopped by signal {int(number)}; "
                                       r"\d+ of \d+ chunks are kept\n  at: .*o.nc\n"
                                       r"  try: the same command with --resume\n\Z")

    def test_a_second_signal_ends_at_once_what_cannot_be_stopped(self):
        process = self.start("eval", "a = sin(arange(20000000, chunk=20000000))", "-o", "o.nc",
                             "--codec", "zstd-22", "--quiet")
        log = self.path(".o.nc.rankine/log.0")
        self.wait_until(lambda: os.path.exists(log), process)
        # By then it compresses, for a minute.
        self.wait_until(lambda: cpu_seconds(process) > 10, process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(process.poll(), "it did not wait for its task")
        process.send_signal(signal.SIGINT)
        self.end_of(process, self.JOURNAL)
        self.assertEqual(process.returncode, -signal.SIGINT)
        shutil.rmtree(self.path(".o.nc.rankine"))

    def test_a_signal_ends_a_sample(self):
        process = self.start("sample", "-o", "o.nc", "--shape", "100000,361,720")
        self.wait_until(self.logs(1), process)
        process.send_signal(signal.SIGHUP)
        self.end_of(process)
        self.assertEqual(process.returncode, 128 + signal.SIGHUP)

    def test_a_signal_that_the_starter_ignores_stays_ignored(self):
        process = self.start("eval", LONG, "-o", "o.nc", "--quiet",
                             preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        self.wait_until(self.logs(1), process)
        process.send_signal(signal.SIGHUP)
        size = os.path.getsize(self.path(".o.nc.rankine/log.0"))
        self.wait_until(lambda: os.path.getsize(self.path(".o.nc.rankine/log.0")) > size, process)
        process.send_signal(signal.SIGTERM)
        self.end_of(process, self.JOURNAL)
        self.assertEqual(process.returncode, 75)

    def test_a_signal_to_the_group_while_a_file_is_looked_into_blames_no_file(self):
        words = []
        for i in range(300):
            os.link(self.path("s.nc"), os.path.join(self.folder, f"{i}.nc"))
            words += ["-v", f"x{i}={i}.nc:/t2m"]
        process = self.start("eval", "a = x0", *words, start_new_session=True)
        children = f"/proc/{process.pid}/task/{process.pid}/children"

        def stopped_child():
            with open(children) as file:
                found = file.read().split()
            if not found:
                return False
            try:
                # Until it has become another program, the one that starts it stands still as well.
                with open(f"/proc/{found[0]}/cmdline", "rb") as file:
                    if b"--rankine-probe" not in file.read():
                        return False
                os.kill(int(found[0]), signal.SIGSTOP)
            except (FileNotFoundError, ProcessLookupError):
                return False
            self.child = int(found[0])
            # It may have answered already, and be about to be reaped.
            time.sleep(0.05)
            with open(children) as file:
                return file.read().split() == found

        self.wait_until(stopped_child, process)
        os.killpg(process.pid, signal.SIGINT)
        for i in range(300):
            os.unlink(self.path(f"{i}.nc"))
        told = self.end_of(process)
        self.assertEqual(process.returncode, 128 + signal.SIGINT, told)
        self.assertIn("stopped by signal 2", told)
        self.assertNotIn("damaged", told)
        self.assertRaises(ProcessLookupError, os.kill, self.child, 0)

    def test_ranks_leave_theirs(self):
        launch = [*LAUNCH, "-n", "2"]
        for number, program in ((signal.SIGINT, LONG), (signal.SIGTERM, LONG_TASKS),
                                (signal.SIGUSR1, LONG)):
            with self.subTest(signal=number, program=program):
                process = self.start("eval", program, "-o", "o.nc", "--quiet", "--threads", "1",
                                     prefix=launch, env=self.mpi_environment())
                self.wait_until(self.logs(2), process)
                process.send_signal(number)
                told = self.end_of(process, self.JOURNAL)
                self.assertIn("rankine: error: stopped by signal ", told)
                self.assertIn("--resume", told)
                shutil.rmtree(self.path(".o.nc.rankine"))
                if not launcher.HYDRA:
                    self.assertNotEqual(process.returncode, 0)
                if launcher.keeps_code_after(number):
                    self.assertEqual(process.returncode, 75, told)


    def test_a_hangup_of_the_scheduler_leaves_one_too(self):
        """Network libraries that MPI loads take this signal for themselves."""
        process = self.start("eval", LONG, "-o", "o.nc", "--quiet", "--threads", "1",
                             prefix=[*LAUNCH, "-n", "2"], env=self.mpi_environment())
        self.wait_until(self.logs(2), process)
        os.kill(launcher.ranks_of(process)[0], signal.SIGHUP)
        told = self.end_of(process, self.JOURNAL)
        self.assertEqual(process.returncode, 75, told)


class Limits(Run):
    def test_fewer_threads_than_asked_for_are_enough(self):
        limit = {"OMP_THREAD_LIMIT": "1"}
        wanted = self.run_here("eval", "m = mean(t2m)", "s.nc", "--quiet")
        self.assert_done(wanted)
        result = self.run_here("eval", "m = mean(t2m)", "s.nc", "--threads", "2", "--quiet",
                               env=environment(**limit))
        self.assert_done(result)
        self.assertEqual(result.stdout, wanted.stdout)
        result = self.run_ranks("eval", "m = mean(t2m)", "s.nc", "--threads", "2", "--quiet",
                                variables=limit)
        self.assertEqual((result.returncode, result.stdout), (0, wanted.stdout), result.stderr)
        result = self.run_here("sample", "-o", "o.nc", "--shape", "4,4,4", "--threads", "3",
                               env=environment(**limit))
        self.assert_done(result)

    def test_threads_that_the_system_refuses_are_an_error_like_any_other(self):
        if support.sanitized():
            self.skipTest("sanitizers need more address space than is left here")
        def little_memory():
            resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        self.refused(5, "eval", "m = mean(t2m)", "s.nc", "--threads", "1500", "--quiet",
                     words=["1500 threads", "--threads", "OMP_NUM_THREADS"],
                     preexec_fn=little_memory)
        self.refused(5, "sample", "-o", "o.nc", "--threads", "1500", words=["1500 threads"],
                     preexec_fn=little_memory)
        self.refused(5, "eval", "m = mean(t2m)", "s.nc", "--quiet", words=["OMP_NUM_THREADS"],
                     preexec_fn=little_memory, env=environment(OMP_NUM_THREADS="1000000"))

    def test_files_that_may_not_grow_are_an_error_with_a_remedy(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        program = "a = sin(arange(1000000))"
        self.refused(5, "eval", program, "-o", "o.nc", "--quiet", words=["ulimit -f"],
                     preexec_fn=small_files)
        self.refused(5, "sample", "-o", "o.nc", words=["ulimit -f"], preexec_fn=small_files)
        result = self.run_ranks("eval", program, "-o", "o.nc", "--quiet", preexec_fn=small_files)
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn(b"ulimit -f", result.stderr)
        self.assertEqual(self.entries(), ["s.nc"])

    def test_full_devices_are_an_error(self):
        with open("/dev/full", "w") as full:
            result = self.run_here("eval", "m = mean(t2m)", "s.nc", "--quiet", stdout=full,
                                   stderr=subprocess.PIPE, capture_output=False)
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn(b"standard output", result.stderr)
        result = self.run_here("eval", "m = mean(t2m)", "s.nc", "--quiet", "--stages", "/dev/full")
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn(b"/dev/full", result.stderr)
        self.assertIn(b"  try: ", result.stderr)

    def test_a_reader_that_goes_away_is_an_error(self):
        reader, writer = os.pipe()
        os.close(reader)
        result = self.run_here("eval", "m = t2m", "s.nc", "--quiet", stdout=writer,
                               stderr=subprocess.PIPE, capture_output=False)
        os.close(writer)
        self.assertEqual(result.returncode, 5, result.stderr)

    def test_closed_streams_change_nothing(self):
        def closed(descriptors, *arguments):
            command = 'exec "$@" ' + " ".join(f"{d}>&-" for d in descriptors)
            return subprocess.run(["sh", "-c", command, "sh", RANKINE, *arguments],
                                  cwd=self.folder, env=environment(), timeout=PATIENCE,
                                  stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for descriptors in ([0], [1], [0, 1], [0, 1, 2]):
            with self.subTest(descriptors):
                result = closed(descriptors, "eval", "a = t2m + 1", "s.nc", "-o", "o.nc",
                                "--overwrite", "--quiet")
                self.assertEqual(result.returncode, 0, result.stderr)
                with h5py.File(self.path("o.nc")) as file, h5py.File(self.path("s.nc")) as source:
                    self.assertTrue(np.array_equal(file["a"][:], source["t2m"][:] + 1))
        self.assertEqual(closed([1], "info", "s.nc").returncode, 5)
        self.assertEqual(closed([0, 1], "eval", "m = mean(t2m)", "s.nc").returncode, 5)


class Ranks(Run):
    """Ranks that were not started alike."""

    def run_unlike(self, first, second, **options):
        command = [*LAUNCH, "-n", "1", *first, ":", "-n", "1", *second]
        return subprocess.run(command, env=self.mpi_environment(), cwd=self.folder,
                              capture_output=True, timeout=PATIENCE, **options)

    def test_a_rank_that_fails_before_the_others_meet_it_ends_the_run(self):
        words = [RANKINE, "eval", "m = mean(t2m)", "s.nc", "--quiet"]
        for wrong in (["--threads", "0"], ["--nonsense"]):
            with self.subTest(wrong):
                result = self.run_unlike(words, words + wrong)
                self.assertEqual(result.returncode, 2, result.stderr)

    def test_a_usage_error_of_all_ranks_is_told_once(self):
        result = self.run_ranks("eval", "m = mean(t2m)", "s.nc", "--threads", "0", ranks=3)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stderr.count(b"rankine: error: "), 1, result.stderr)

    def test_the_plan_fits_the_rank_with_the_least_memory(self):
        words = [RANKINE, "eval", "m = mean(t2m)", "s.nc", "--quiet"]
        result = self.run_unlike(words, words + ["--memory", "1MiB"])
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertRegex(result.stderr, rb"allowed are .*1 MiB")

    def test_the_plan_counts_on_the_rank_with_most_threads(self):
        words = [RANKINE, "eval", "a = sin(arange(1000000))", "-o", "o.nc", "--overwrite",
                 "--quiet", "--stages", "s.json"]

        def promised(*more):
            result = self.run_unlike(words + ["--threads", "1"], words + [*more])
            self.assertEqual(result.returncode, 0, result.stderr)
            stages = json.loads(self.contents("s.json"))
            self.assertEqual(stages["threads"], 1)
            return max(rank["promised_bytes"] for rank in stages["ranks_detail"])

        # Each thread may hold a chunk of 4 MiB; what a process has resident differs by less.
        self.assertGreater(promised("--threads", "24"), promised("--threads", "1") + (40 << 20))

    def test_ranks_may_have_other_working_folders(self):
        os.mkdir(self.path("elsewhere"))
        words = [RANKINE, "eval", "a = t2m + 1", "s.nc", "-o", "o.nc", "--quiet"]
        result = self.run_unlike(words, ["sh", "-c", 'cd elsewhere && exec "$@"', "sh", *words])
        self.assertEqual(result.returncode, 0, result.stderr)
        with h5py.File(self.path("o.nc")) as file, h5py.File(self.path("s.nc")) as source:
            self.assertTrue(np.array_equal(file["a"][:], source["t2m"][:] + 1))
        self.assertEqual(os.listdir(self.path("elsewhere")), [])


class Inputs(Run):
    def test_the_remedies_for_what_is_not_read_by_default_are_options(self):
        values = np.arange(40, dtype="f8")
        with open(self.path("raw.bin"), "wb") as raw:
            raw.write(values.tobytes())
        with h5py.File(self.path("e.h5"), "w") as file:
            file.create_dataset("x", shape=(40,), dtype="f8",
                                external=[(self.path("raw.bin"), 0, values.nbytes)])
        self.refused(3, "eval", "s = sum(x)", "e.h5", "--quiet", words=["--allow-external"])
        self.refused(3, "plan", "s = sum(x)", "e.h5", words=["--allow-external"])
        self.assertEqual(self.run_here("plan", "s = sum(x)", "e.h5",
                                       "--allow-external").returncode, 0)
        for run in (self.run_here, self.run_ranks):
            result = run("eval", "s = x + 1", "e.h5", "--allow-external", "--allow-plugins", "-o",
                         "o.nc", "--overwrite", "--quiet")
            self.assertEqual(result.returncode, 0, result.stderr)
            with h5py.File(self.path("o.nc")) as file:
                self.assertTrue(np.array_equal(file["s"][:], values + 1))
                self.assertNotIn("allow", str(file.attrs["history"]))

    def test_attributes_that_netcdf_cannot_hold_do_not_go_along(self):
        with h5py.File(self.path("s.nc"), "r+") as file:
            for owner in (file, file["t2m"], file["lat"]):
                owner.attrs["bad\x01name"] = 1
                owner.attrs["a/b"] = 2
                owner.attrs["ends "] = 3
                owner.attrs["good"] = 4
                owner.attrs["place"] = np.bytes_(b"Z\xfcrich")
                owner.attrs["grüße"] = "süß"
        self.assert_done(self.run_here("eval", "a = t2m + 1", "s.nc", "-o", "o.nc", "--quiet"))
        with h5py.File(self.path("o.nc")) as file:
            for owner in (file, file["a"], file["lat"]):
                self.assertLessEqual({"good", "place", "grüße"}, set(owner.attrs))
                for name in ("bad\x01name", "a/b", "ends "):
                    self.assertNotIn(name, owner.attrs)
                place = owner.attrs["place"]
                text = place.decode() if isinstance(place, bytes) else str(place)
                self.assertEqual(text, "Zürich")
            self.assertNotIn("rankine_sample", file.attrs)
        if shutil.which("ncks"):
            result = subprocess.run(["ncks", "-O", "-v", "a", self.path("o.nc"), self.path("k.nc")],
                                    capture_output=True, timeout=PATIENCE)
            self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    support.main()
