"""submit: the script it prints, that srun gets every word of it, and what sbatch is given."""

import os
import re
import subprocess
import unittest

import h5py
import netCDF4
import numpy as np

import support
from support import RANKINE, Case, environment, launcher, rankine

MEAN = ("eval", "m = mean(t2m, time)")
# What Slurm sets where the script runs.
IN_JOB = {"SLURM_CPUS_PER_TASK": "8", "SLURM_JOB_ID": "77", "OMP_PLACES": "cores",
          "OMP_PROC_BIND": "close"}


class Scripts(Case):
    def setUp(self):
        super().setUp()
        self.input = self.path("in.nc")
        with netCDF4.Dataset(self.input, "w") as file:
            file.createDimension("time", None)
            file.createDimension("lat", 4)
            variable = file.createVariable("t2m", "f4", ("time", "lat"), chunksizes=(2, 4),
                                           zlib=True)
            variable[:24] = np.arange(96).reshape(24, 4)
        self.tools = self.path("tools")
        os.mkdir(self.tools)

    def tool(self, name, text):
        path = os.path.join(self.tools, name)
        with open(path, "w") as file:
            file.write("#!/bin/bash\n" + text)
        os.chmod(path, 0o755)

    def in_tools(self, **extra):
        return environment(PATH=self.tools + ":/usr/bin:/bin", **extra)

    def script(self, *words):
        result = self.run_here("submit", "--print", *words)
        self.assert_done(result)
        checked = subprocess.run(["bash", "-n"], input=result.stdout, capture_output=True)
        self.assertEqual((checked.returncode, checked.stderr), (0, b""))
        return result.stdout.decode()

    def options(self, *words):
        """What the lines for sbatch say: each option once."""
        lines = re.findall(r"^#SBATCH --([a-z-]+)=(.*)$", self.script(*words), re.M)
        self.assertEqual(len(dict(lines)), len(lines))
        return dict(lines)

    def run_script(self, script, srun="", **extra):
        """Exit code, and the words that srun got."""
        self.tool("srun", f'printf "%s\\0" "$@" >srun.words; env >srun.env\n{srun}')
        self.tool("scontrol", 'echo "$@" >>scontrol.words\n')
        result = subprocess.run(["bash"], input=script.encode("utf-8", "surrogateescape"),
                                cwd=self.folder, capture_output=True,
                                env=self.in_tools(**IN_JOB, **extra))
        self.assertEqual(result.stderr, b"")
        with open(self.path("srun.words"), "rb") as file:
            return result.returncode, file.read().split(b"\0")[:-1]


class Words(Scripts):
    def test_srun_gets_every_word_of_the_command_and_resume(self):
        code, words = self.run_script(self.script("--", *MEAN, "in.nc", "-o", "m.nc"))
        self.assertEqual(code, 0)
        mpi = b"--mpi=pmi2" if launcher.HYDRA else b"--mpi=pmix"
        self.assertEqual(words, [mpi, b"--cpu-bind=cores", b"--kill-on-bad-exit=1",
                                 os.fsencode(os.path.abspath(RANKINE)), b"eval",
                                 b"m = mean(t2m, time)", b"in.nc", b"-o", b"m.nc", b"--resume"])
        with open(self.path("srun.env")) as file:
            env = file.read()
        self.assertIn("SRUN_CPUS_PER_TASK=8\n", env)
        self.assertIn("OMP_NUM_THREADS=8\n", env)
        self.assertIn("SLURM_EXPORT_ENV=ALL\n", env)
        self.assertNotIn("OMP_PLACES", env)
        self.assertNotIn("OMP_PROC_BIND", env)

    def test_no_character_means_anything_to_bash(self):
        for name in ("with  blanks", "it's", 'a "quote"', "$HOME `id` $(id) \\",
                     "two\nlines\t\r\x01", "#SBATCH --x\n#SBATCH --y", "~", "*", "é", "bad\udcff",
                     "'\n\\'", "a!b;c&d|e>f"):
            output = name + ".nc"
            with self.subTest(ascii(output)):
                result = subprocess.run(
                    [RANKINE, "submit", "--print", "--", *MEAN, "in.nc", "-o", output],
                    cwd=self.folder, env=environment(), capture_output=True)
                self.assert_done(result)
                self.assertNotIn(b"\r", result.stdout)  # which sbatch refuses
                _, words = self.run_script(result.stdout.decode("utf-8", "surrogateescape"))
                self.assertEqual(words[-3:], [b"-o", os.fsencode(output), b"--resume"])
                self.assertEqual(words[4:6], [b"eval", b"m = mean(t2m, time)"])

    def test_a_long_command_is_cut_between_words_only(self):
        expression = ["x%d = t2m + %d" % (i, i) for i in range(60)]
        command = ["eval", "; ".join(expression), "in.nc", "-o", "x.nc", *["--no-fuse"] * 40]
        script = self.script("--", *command)
        self.assertGreater(script.count("\\\n"), 4)
        _, words = self.run_script(script)
        self.assertEqual(words[4:-1], [word.encode() for word in command])

    def test_resume_stands_where_it_is_an_option(self):
        self.assertIn(" eval --resume ", self.script("--", "eval", "-o", "x.nc", "--", "x = t2m",
                                                     "in.nc"))
        once = self.script("--", *MEAN, "in.nc", "-o", "m.nc", "--resume")
        self.assertEqual(len(re.findall(r"(?m)^(?!#).*--resume", once)), 1)
        for command in ((*MEAN, "in.nc"), ("verify", "in.nc"), ("diff", "in.nc", "in.nc")):
            script = self.script("--", *command)
            for word in ("--resume", "scontrol", "--signal"):
                self.assertNotIn(word, script)

    def test_a_program_in_path_keeps_its_name(self):
        os.symlink(RANKINE, os.path.join(self.tools, "rankine"))
        result = subprocess.run(["rankine", "submit", "--print", "--", "rankine", *MEAN, "in.nc"],
                                cwd=self.folder, capture_output=True, env=self.in_tools())
        self.assert_done(result)
        self.assertIn(b" rankine eval ", result.stdout.replace(b"\\\n", b" ").replace(b"  ", b" "))

    def test_a_stopped_run_goes_back_to_the_queue_at_most_twenty_times(self):
        script = self.script("--", *MEAN, "in.nc", "-o", "m.nc")
        self.assertEqual(self.run_script(script, "exit 75")[0], 75)
        self.assertEqual(self.run_script(script, "exit 75", SLURM_RESTART_COUNT="19")[0], 75)
        self.assertEqual(self.run_script(script, "exit 75", SLURM_RESTART_COUNT="20")[0], 75)
        self.assertEqual(self.run_script(script, "exit 3")[0], 3)
        with open(self.path("scontrol.words")) as file:
            self.assertEqual(file.read(), "requeue 77\n" * 2)


class Sizes(Scripts):
    def test_a_little_work_gets_one_rank_for_the_least_time(self):
        options = self.options("--", *MEAN, "in.nc", "-o", "m.nc")
        for name, value in (("nodes", "1"), ("ntasks-per-node", "1"), ("cpus-per-task", "8"),
                            ("time", "00:10:00"), ("job-name", "rankine-eval"),
                            ("signal", "TERM@150"), ("open-mode", "append")):
            self.assertEqual(options[name], value, name)
        self.assertRegex(options["mem"], r"^[1-9]\d*M$")
        self.assertNotIn("account", options)

    def test_what_the_user_says_goes_before_what_is_proposed(self):
        options = self.options("-N", "3", "--ntasks-per-node", "2", "-c", "16", "--mem", "64G",
                               "--time", "2-12", "-p", "fat", "-A", "me", "--sbatch", "--qos=high",
                               "--comment=a b", "--", *MEAN, "in.nc", "-o", "m.nc")
        for name, value in (("nodes", "3"), ("ntasks-per-node", "2"), ("cpus-per-task", "16"),
                            ("mem", "64G"), ("time", "2-12"), ("partition", "fat"),
                            ("account", "me"), ("qos", "high"), ("signal", "TERM@180")):
            self.assertEqual(options[name], value, name)
        script = self.script("--sbatch", "--comment=a b", "--exclusive", "--", *MEAN, "in.nc")
        self.assertIn("#SBATCH '--comment=a b'\n#SBATCH --exclusive\n", script)
        script = self.script("--sbatch", "--qos", "high", "-J", "x", "--", *MEAN, "in.nc")
        self.assertIn("#SBATCH --qos high\n#SBATCH -J x\n", script)
        self.assertIn("srun --mpi=none ", self.script("--mpi", "none", "--", *MEAN, "in.nc"))

    def test_much_work_gets_ranks_and_time_but_no_rank_without_a_chunk(self):
        def ranks(chunk):
            program = f"x = exp(zeros(40000, 40000, 2000, chunk={chunk}))"
            options = self.options("--", "eval", program, "-o", "x.nc")
            return int(options["nodes"]) * int(options["ntasks-per-node"]), options
        many, options = ranks(10**6)
        self.assertGreaterEqual(many, 32)
        self.assertGreater(int(options["time"].split(":")[1]), 0)
        shape = "zeros(3, 2000000000, 100, chunk=2000000000)"
        few = self.options("--mem", "0", "--", "eval", f"s = sum({shape})")
        self.assertLessEqual(int(few["nodes"]) * int(few["ntasks-per-node"]), 300)

    def test_nodes_that_were_asked_for_are_used_but_not_by_idle_ranks(self):
        options = self.options("--nodes", "3", "--", *MEAN, "in.nc", "-o", "m.nc")
        self.assertEqual((options["nodes"], options["ntasks-per-node"]), ("3", "4"))
        options = self.options("--nodes", "12", "--", *MEAN, "in.nc", "-o", "m.nc")
        self.assertEqual(options["ntasks-per-node"], "1")
        self.assertIn("Fewer would do", self.script("--nodes", "500", "--", *MEAN, "in.nc"))

    def test_memory_is_asked_for_as_much_as_the_plan_needs_with_a_margin(self):
        program = "x = zeros(30000000) + 1"
        asked = self.options("-c", "2", "--", "eval", program)["mem"]
        bound = self.json("plan", "--json", "--threads", "2", program)["memory_bound_bytes"]
        asked = int(asked[:-1]) << (20 if asked[-1] == "M" else 30)
        self.assertGreaterEqual(0.8 * asked, bound + (64 << 20))
        self.assertLess(asked, 2 * bound + (1 << 30))
        asked = self.options("-c", "2", "--", "eval", program, "--memory", "4GiB")["mem"]
        self.assertGreaterEqual(int(asked[:-1]) << (20 if asked[-1] == "M" else 30), 5 << 30)

    def test_threads_that_the_command_starts_get_a_core_each(self):
        for command in ((*MEAN, "in.nc"), ("verify", "in.nc")):
            script = self.script("--", *command, "--threads", "12")
            self.assertIn("# As many as --threads starts.\n#SBATCH --cpus-per-task=12\n", script)
        options = self.options("-c", "16", "--", *MEAN, "in.nc", "--threads", "12")
        self.assertEqual(options["cpus-per-task"], "16")

    def test_a_scheduler_of_its_own_gets_a_second_rank(self):
        command = (*MEAN, "in.nc", "--dedicated-scheduler")
        for wish in ((), ("--nodes", "1"), ("--ntasks-per-node", "1"), ("--nodes", "2")):
            options = self.options(*wish, "--", *command)
            ranks = int(options["nodes"]) * int(options["ntasks-per-node"])
            self.assertGreaterEqual(ranks, 2, wish)

    def test_verbs_without_a_plan_get_sizes_of_their_inputs(self):
        for command in (("verify", "in.nc"), ("rechunk", "in.nc", "out.nc", "--chunks", "time=4"),
                        ("concat", "in.nc", "in.nc", "-o", "out.nc"), ("diff", "in.nc", "in.nc"),
                        ("subset", "in.nc", "out.nc", "-d", "time,0,3"), ("bench", "graph")):
            with self.subTest(command[0]):
                options = self.options("--", *command)
                self.assertEqual((options["nodes"], options["mem"]), ("1", "11G"))
        self.assertIn("by the sizes of the inputs", self.script("--", "verify", "in.nc"))
        self.assertNotIn("Fewer would", self.script("--nodes", "40", "--", "bench", "graph"))

    def test_a_short_time_leaves_time_to_work(self):
        for time, signal in (("2", "TERM@30"), ("4:00", "TERM@60"), ("0-1", "TERM@180"),
                             ("UNLIMITED", "TERM@180")):
            options = self.options("--time", time, "--", *MEAN, "in.nc", "-o", "m.nc")
            self.assertEqual((options["time"], options["signal"]), (time, signal))


class Refusals(Scripts):
    def refused(self, code, words, *submit):
        result = self.run_here("submit", "--print", *submit)
        self.assert_block(result, code, *words)

    def test_a_job_without_a_command_shows_one(self):
        for words in ((), ("--",), ("--nodes", "2"), (*MEAN, "in.nc"), ("--sbatch", "--x")):
            self.refused(2, ["the command of the job is missing", "submit --nodes 2 -- eval"],
                         *words)

    def test_what_submit_does_not_know_is_refused(self):
        self.refused(2, ["'--nodse'", "--sbatch"], "--nodse", "3", "--", *MEAN, "in.nc")
        self.refused(2, ["--nodes"], "--nodes", "0", "--", *MEAN, "in.nc")
        for time in ("soon", "1:2:3:4", "-1", "1-x", ""):
            if time:
                self.refused(2, ["--time", time], "--time=" + time, "--", *MEAN, "in.nc")
        for size in ("lots", "4X", "-1", "4GiB"):
            self.refused(2, ["--mem", size], "--mem=" + size, "--", *MEAN, "in.nc")
        self.refused(2, ["submit has --mem itself"], "--sbatch", "--mem=3", "--", *MEAN)
        self.refused(2, ["submit has -N itself"], "--sbatch", "-N4", "--", *MEAN, "in.nc")
        self.refused(2, ["--memory allows each rank 2.0 GiB, its share of --mem is 819.2 MiB"],
                     "--mem", "1G", "--", *MEAN, "in.nc", "--memory", "2GiB")
        for option in ("-n8", "--ntasks=8", "--mem-per-cpu=2G"):
            self.refused(2, ["contradicts the sizes", "--ntasks-per-node"], "--sbatch", option, "--",
                         *MEAN, "in.nc")
        self.refused(2, ["--threads starts 16 threads", "gives it 4 cores", "-c"], "-c", "4", "--",
                     *MEAN, "in.nc", "--threads", "16")
        self.refused(2, ["--dedicated-scheduler needs two ranks"], "-N", "1", "--ntasks-per-node",
                     "1", "--", *MEAN, "in.nc", "--dedicated-scheduler")
        self.refused(2, ["'high'"], "--sbatch", "high", "--", *MEAN, "in.nc")
        self.refused(2, ["at most 1048576 ranks"], "--nodes", "1048576", "--ntasks-per-node",
                     "4096", "--", *MEAN, "in.nc")
        self.refused(2, ["control characters"], "--sbatch", "--comment=a\nb", "--", *MEAN, "in.nc")

    def test_what_the_verb_would_refuse_never_gets_into_a_queue(self):
        open(self.path("old.nc"), "w").close()
        for code, words, command in (
                (2, ["'info'", "eval, rechunk"], ("info", "in.nc")),
                (2, ["'submit'"], ("submit", "--", *MEAN)),
                (2, ["'mpirun'"], ("mpirun", "-n", "2", "rankine", *MEAN)),
                (2, ["--wrong"], (*MEAN, "in.nc", "--wrong")),
                (2, ["--help"], ("eval", "--help")),
                (2, ["-o"], (*MEAN, "in.nc", "--overwrite")),
                (2, ["old.nc"], (*MEAN, "in.nc", "-o", "old.nc")),
                (2, ["old.nc"], ("concat", "in.nc", "in.nc", "old.nc")),
                (3, ["none.nc"], (*MEAN, "none.nc")),
                (3, ["none.nc"], ("verify", "none.nc")),
                (4, ["--mem", "--nodes"], ("eval", "x = zeros(50000000000)"))):
            with self.subTest(command):
                self.refused(code, words, "--", *command)

    def test_nothing_is_made_or_run(self):
        self.script("--", *MEAN, "in.nc", "-o", "m.nc")
        self.assertEqual(self.entries(), ["in.nc", "tools"])


class Sbatch(Scripts):
    def submit(self, *words):
        return rankine("submit", *words, "--", *MEAN, self.input, cwd=self.folder,
                       env=environment(PATH=self.tools + ":/bin"))

    def test_sbatch_gets_the_script_that_is_printed(self):
        self.tool("sbatch", 'cat >given.sh; echo "$#"; echo "Submitted batch job 5"\n')
        result = self.submit("--nodes", "2")
        self.assert_done(result)
        with open(self.path("given.sh"), "rb") as file:
            script = file.read()
        self.assertTrue(script.startswith(b"#!/bin/bash\n"))
        self.assertEqual(result.stdout, script + b"0\nSubmitted batch job 5\n")

    def test_variables_do_not_overrule_what_is_printed(self):
        self.tool("sbatch", "env >given.env\n")
        result = rankine("submit", "-A", "me", "--sbatch", "--qos=high", "--", *MEAN, self.input,
                         cwd=self.folder,
                         env=self.in_tools(SBATCH_ACCOUNT="other", SBATCH_TIMELIMIT="1",
                                           SBATCH_MEM_PER_CPU="1", SBATCH_QOS="low",
                                           SBATCH_NO_REQUEUE="1", SBATCH_PARTITION="fat",
                                           SLURM_MEM_PER_CPU="7", SLURM_CONF="/a"))
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(self.path("given.env")) as file:
            given = re.findall(r"(?m)^(S(?:BATCH|LURM)_.*)$", file.read())
        self.assertEqual(sorted(given), ["SBATCH_PARTITION=fat", "SLURM_CONF=/a"])

    def test_what_sbatch_refuses_is_one_block(self):
        self.tool("sbatch", 'echo "sbatch: error: no such" >&2; echo "account" >&2; exit 1\n')
        result = self.submit()
        self.assertEqual(result.returncode, 2)
        self.assertIn("did not take the job: sbatch: error: no such; account\n",
                      result.stderr.decode())
        self.assertRegex(result.stderr.decode(), r"\A" + support.BLOCK.pattern + r"\Z")

    def test_without_slurm_the_script_is_printed_and_says_so(self):
        result = rankine("submit", "--", *MEAN, self.input, env=environment(PATH=self.tools))
        self.assertEqual(result.returncode, 2)
        self.assertTrue(result.stdout.startswith(b"#!/bin/bash\n"))
        self.assertIn(b"there is no sbatch here", result.stderr)
        self.assertEqual(result.stderr.count(b"rankine: error: "), 1)


if __name__ == "__main__":
    support.main()
