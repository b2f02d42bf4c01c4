"""Manual pages and the completion of bash, held against --help."""

import functools
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import support
from support import Case, environment, rankine


@functools.cache
def help_of(*verb):
    result = rankine(*verb, "--help")
    assert result.returncode == 0, result.stderr
    return result.stdout.decode()


def entries(text, section):
    """The entries of a section of --help, each on one line: names, label, meaning."""
    lines = text.split(f"{section}:\n")[1].split("\n\n")[0].split("\nexample:")[0].splitlines()
    joined = []
    for line in lines:
        if re.match(r"  \S", line):
            joined.append(line)
        else:
            joined[-1] += " " + line
    return [" ".join(entry.split()) for entry in joined]


def verbs():
    return [entry.split()[0] for entry in entries(help_of(), "verbs")]


def variables_that_are_read():
    """Names of environment variables in the sources, but for those that launchers set."""
    names = set()
    for room in ("runtime", "collectives", "io"):
        for source in (pathlib.Path(__file__).resolve().parents[2] / room).rglob("*.[ch]*"):
            names |= set(re.findall(r'"((?:RANKINE|OMP|HDF5|SOURCE)_[A-Z_]+)"', source.read_text()))
    assert len(names) > 4, names
    return names


class Pages(Case):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="rankine-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.pages = folder.name
        subprocess.run([support.RANKINE, "--pages", cls.pages], check=True, timeout=60)


class Manual(Pages):
    def rendered(self, page, device):
        """The page as one line of words, in lines so long that none is broken."""
        result = subprocess.run(
            ["groff", "-man", "-ww", f"-T{device}", "-P-cbou", "-rLL=900n", page],
            capture_output=True, timeout=60, cwd=self.pages + "/man/man1")
        self.assertEqual((result.returncode, result.stderr), (0, b""), page)
        return " ".join(result.stdout.decode().split())

    def test_there_is_a_page_for_the_program_and_for_every_verb(self):
        pages = sorted(["rankine.1", *(f"rankine-{verb}.1" for verb in verbs())])
        self.assertGreater(len(pages), 10)
        self.assertEqual(sorted(os.listdir(self.pages + "/man/man1")), pages)

    def test_everything_help_says_is_in_the_page_and_reads_as_it_is_typed(self):
        for verb in verbs():
            with self.subTest(verb):
                text, page = help_of(verb), self.rendered(f"rankine-{verb}.1", "utf8")
                lines = text.splitlines()
                self.assertIn(f"SYNOPSIS {lines[0].removeprefix('usage: ')} DESCRIPTION {lines[2]}",
                              page)
                options = entries(text, "options")
                self.assertGreater(len(options), 1)
                for option in options:
                    self.assertIn(f" {option} ", page)
                self.assertIn("EXAMPLE " + lines[-1].strip(), page)
                for code in (0, 2, 3, 4, 5, 6, 75):
                    self.assertRegex(page.split("EXIT STATUS")[1], rf" {code} [A-Z]")
                self.assertTrue(re.search(rf"NAME rankine-{verb} - \w", page), page[:200])

    def test_the_page_of_the_program_has_verbs_options_and_environment(self):
        page, text = self.rendered("rankine.1", "utf8"), help_of()
        for option in entries(text, "options"):
            self.assertIn(f" {option} ", page)
        for entry in entries(text, "verbs"):
            verb, summary = entry.split(" ", 1)
            self.assertIn(f"rankine-{verb}(1) {summary}", page)
            self.assertRegex(page.split("SEE ALSO")[1], rf"rankine-{verb}\(1\)")
        for variable in variables_that_are_read():
            self.assertIn(f" {variable}", page.split("ENVIRONMENT")[1])

    def test_a_folder_that_cannot_be_made_is_one_error(self):
        with open(self.path("file"), "w"):
            pass
        self.assert_block(rankine("--pages", self.path("file")), 5, "file")
        self.assert_block(rankine("--pages"), 2, "--pages")

    def test_only_rank_0_writes(self):
        quiet = rankine("--pages=" + self.path("other"), env=environment(PMIX_RANK="3"))
        self.assert_done(quiet)
        self.assertEqual(quiet.stdout, b"")
        self.assertFalse(os.path.exists(self.path("other")))
        self.assert_done(rankine("--pages=" + self.path("other"), env=environment(PMIX_RANK="0")))
        self.assertTrue(os.path.exists(self.path("other/man/man1/rankine.1")))


class Completion(Pages):
    DRIVER = """
        source "$1"; complete -p rankine
        while IFS= read -r line; do
          mapfile -t COMP_WORDS < <(tr ' ' '\\n' <<<"$line"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
          COMPREPLY=(stale); _rankine rankine; echo "${COMPREPLY[*]}"
        done
    """

    def completed(self, *lines):
        """What bash would offer at the end of each command line, as sets."""
        script = self.pages + "/bash-completion/completions/rankine"
        result = subprocess.run(["bash", "-u", "-c", self.DRIVER, "bash", script],
                                input="\n".join(lines) + "\n", text=True, capture_output=True,
                                timeout=60)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        # Where there is nothing to offer, names of files are.
        complete, *offers = result.stdout.splitlines()
        self.assertEqual(complete, "complete -o default -F _rankine rankine")
        self.assertEqual(len(offers), len(lines))
        return [set(offer.split()) for offer in offers]

    def test_verbs_and_the_options_of_the_program(self):
        all_verbs, some, options = self.completed("rankine ", "rankine s", "rankine -")
        self.assertEqual(all_verbs, set(verbs()))
        self.assertEqual(some, {verb for verb in verbs() if verb.startswith("s")})
        self.assertEqual(options, {"-h", "--help", "--version", "--pages"})

    def test_every_option_of_every_verb(self):
        offers = self.completed(*(f"rankine {verb} x -" for verb in verbs()))
        for verb, offer in zip(verbs(), offers):
            with self.subTest(verb):
                names = set()
                for entry in entries(help_of(verb), "options"):
                    names |= set(re.match(r"(-[^\s,]+(, -[^\s,]+)*)?", entry)[0].split(", ")) - {""}
                self.assertEqual(offer, names)

    def test_values_that_are_one_of_a_few_words(self):
        for verb in ("eval", "rechunk"):
            steal, set_to, begun, codec = self.completed(
                f"rankine {verb} x --steal ", f"rankine {verb} x --steal =",
                f"rankine {verb} x --steal = of", f"rankine {verb} x --codec bitshuffle-")
            self.assertEqual(steal, {"on", "off"})
            self.assertEqual(set_to, {"on", "off"})
            self.assertEqual(begun, {"off"})
            self.assertEqual(codec, {"bitshuffle-lz4", "bitshuffle-zstd"})
        self.assertEqual(self.completed("rankine eval x --reuse "), [{"hold", "reread", "spill"}])
        self.assertEqual(self.completed("rankine bench "),
                         [{"graph", "tasks", "metg", "hop", "balance"}])

    def test_other_arguments_are_files(self):
        for offer in self.completed("rankine info ", "rankine eval x -o ", "rankine eval x -o -",
                                    "rankine eval x fi", "rankine --pages ", "rankine --pages x ",
                                    "rankine bench --json ", "rankine nonsense ",
                                    "rankine nonsense -"):
            self.assertEqual(offer, set())


if __name__ == "__main__":
    support.main()
