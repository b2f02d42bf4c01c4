"""What all verbs have in common: help, errors, exit codes, silence of the other ranks."""

import re
import subprocess
import unittest

import support
from support import Case, environment, launcher, rankine


def verbs():
    text = rankine("--help").stdout.decode()
    section = text.split("verbs:\n")[1].split("\n\n")[0]
    return [line.split()[0] for line in section.splitlines()]


class Help(Case):
    def test_the_program_lists_its_verbs(self):
        self.assertLessEqual({"info", "sample", "config"}, set(verbs()))

    def test_every_verb_has_usage_purpose_options_and_one_example(self):
        for verb in verbs():
            with self.subTest(verb):
                result = rankine(verb, "--help")
                self.assert_done(result)
                lines = result.stdout.decode().splitlines()
                self.assertTrue(lines[0].startswith(f"usage: rankine {verb} "), lines[0])
                self.assertEqual(sum(line.startswith("usage:") for line in lines), 1)
                self.assertRegex(lines[2], r"^[A-Z].*\.$")
                self.assertTrue(any("-h, --help" in line for line in lines))
                example = lines[lines.index("example:") + 1:]
                self.assertEqual(len(example), 1)
                self.assertIn(f"rankine {verb} ", example[0])
                self.assertEqual([line for line in lines if len(line) > 100], [])

    def test_the_version_is_one_line(self):
        result = rankine("--version")
        self.assert_done(result)
        self.assertRegex(result.stdout.decode(), r"\Arankine \d+\.\d+\.\d+\n\Z")


class Refusals(Case):
    def test_usage_errors_are_one_block_and_exit_2(self):
        cases = {
            (): "verb",
            ("nonsense",): "'nonsense'",
            ("",): "''",
            ("--nonsense",): "'--nonsense'",
            ("info",): "FILE",
            ("info", "--nonsense", "x.nc"): "--nonsense",
            ("config", "superfluous"): "superfluous",
            ("sample",): "--output",
            ("sample", "-o"): "--output",
        }
        for arguments, word in cases.items():
            with self.subTest(arguments):
                self.assert_block(rankine(*arguments), 2, word, "try: rankine ")

    def test_a_result_that_cannot_be_written_is_exit_5(self):
        for arguments in (["config"], ["config", "--json"], ["--help"], ["--version"]):
            with open("/dev/full", "w") as full, self.subTest(arguments):
                result = rankine(*arguments, stdout=full, stderr=subprocess.PIPE,
                                 capture_output=False)
                self.assertEqual(result.returncode, 5)
                self.assertIn(b"standard output", result.stderr)

    def test_the_hidden_argument_of_the_probe_is_refused_when_used_by_hand(self):
        for more in ([], ["0"], ["99"], ["x"], ["0", "1"]):
            with self.subTest(more):
                result = rankine("--rankine-probe", *more, stdin=subprocess.DEVNULL, timeout=20)
                self.assertEqual((result.returncode, result.stdout), (2, b""))


class Ranks(Case):
    LAUNCHERS = (
        {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "{}"},
        {"PMIX_RANK": "{}"},
        {"PMI_RANK": "{}", "PMI_SIZE": "4"},
        {"SLURM_STEP_ID": "0", "SLURM_PROCID": "{}", "SLURM_STEP_NUM_TASKS": "4"},
    )

    def run_as(self, launcher, rank, *arguments):
        named = {name: value.format(rank) for name, value in launcher.items()}
        return rankine(*arguments, env=environment(**named))

    def test_only_rank_0_speaks_whatever_the_launcher(self):
        for launcher in self.LAUNCHERS:
            for arguments in (["config"], ["--version"], ["--help"], ["info", "--help"],
                              ["info", "missing.nc"], ["nonsense"], ["info", "--nonsense"],
                              ["sample", "-o", self.path("other.nc")]):
                with self.subTest(launcher=launcher, arguments=arguments):
                    quiet = self.run_as(launcher, 3, *arguments)
                    self.assertEqual((quiet.returncode, quiet.stdout, quiet.stderr), (0, b"", b""))
        self.assertEqual(self.entries(), [])

    def test_rank_0_speaks_as_if_it_were_alone(self):
        for launcher in self.LAUNCHERS:
            with self.subTest(launcher):
                self.assert_done(self.run_as(launcher, 0, "--version"))
                self.assert_block(self.run_as(launcher, 0, "info", "missing.nc"), 3, "missing.nc")

    @unittest.skipUnless(launcher.THERE, "no mpirun")
    def test_three_ranks_print_one_result(self):
        result = self.run_ranks("--version", ranks=3)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(re.findall(rb"rankine \d", result.stdout)), 1)


if __name__ == "__main__":
    support.main()
