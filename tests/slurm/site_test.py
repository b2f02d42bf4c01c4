"""The files for sites: as far as they can be checked without Spack and Apptainer."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "slurm" / "site"
LMOD = "/usr/share/lmod/lmod/libexec/lmod"  # Debian's


class Directives:
    """Stands in for Spack's: remembers what a recipe calls, in order."""

    def __init__(self):
        self.calls = []

    def named(self, name):
        def directive(*arguments, **options):
            self.calls.append((name, arguments, options))
            return lambda function: function  # some are decorators
        return directive

    def first_arguments(self, name):
        return [arguments[0] for called, arguments, _ in self.calls if called == name]


def spack_recipe():
    """The class of the recipe and what it called."""
    directives = Directives()
    package = types.ModuleType("spack.package")
    names = ("license version depends_on variant conflicts generator run_after "
             "on_package_attributes Executable").split()
    for name in names:
        setattr(package, name, directives.named(name))
    package.__all__ = names
    cmake = types.ModuleType("spack_repo.builtin.build_systems.cmake")
    cmake.CMakePackage = type("CMakePackage", (), {
        "define": staticmethod(lambda name, value: (name, value)),
        "spec": types.SimpleNamespace(satisfies=lambda text: text == "^hdf5+mpi")})
    modules = {"spack": types.ModuleType("spack"), "spack.package": package, cmake.__name__: cmake}
    for parent in ("spack_repo", "spack_repo.builtin", "spack_repo.builtin.build_systems"):
        modules[parent] = types.ModuleType(parent)
    sys.modules.update(modules)
    space = {}
    source = (SITE / "spack" / "package.py").read_text()
    exec(compile(source, "package.py", "exec"), space)
    return space["Rankine"], directives


class Spack(unittest.TestCase):
    # What CMakeLists.txt finds, by Spack's names; OpenMP comes with the compiler.
    NAMES = {"MPI": "mpi", "HDF5": "hdf5", "nlohmann_json": "nlohmann-json", "BZip2": "bzip2",
             "LZF": "liblzf", "CLI11": "cli11", "libzstd": "zstd", "liblz4": "lz4",
             "blosc": "c-blosc", "libxxhash": "xxhash", "PkgConfig": "pkgconfig", "OpenMP": None}

    def test_it_depends_on_what_the_build_looks_for(self):
        text = (ROOT / "CMakeLists.txt").read_text()
        wanted = set(re.findall(r"^find_package\((\w+)", text, re.M))
        for modules in re.findall(r"IMPORTED_TARGET ([^)]*)\)", text):
            wanted |= set(modules.split())
        self.assertGreater(len(wanted), 12)
        wanted = {self.NAMES.get(name, name) for name in wanted} - {None}
        _, directives = spack_recipe()
        offered = {re.match(r"[\w-]+", text)[0]
                   for text in directives.first_arguments("depends_on")}
        self.assertEqual(wanted - offered, set())
        self.assertEqual(offered - wanted, {"c", "cxx", "cmake", "ninja"})

    def test_versions_are_those_of_the_build(self):
        text = (ROOT / "CMakeLists.txt").read_text()
        wants = spack_recipe()[1].first_arguments("depends_on")
        cmake, mpi, hdf5 = (re.search(call + r" (\d[\d.]*)", text)[1] for call in (
            r"cmake_minimum_required\(VERSION", r"find_package\(MPI", r"find_package\(HDF5"))
        for want in (f"cmake@{cmake}:", f"mpi@{mpi}:", f"hdf5@{hdf5}:1.14+hl"):
            self.assertIn(want, wants)

    def test_its_options_are_those_of_the_build(self):
        recipe, _ = spack_recipe()
        defined = dict(recipe().cmake_args())
        self.assertEqual(defined, {"RANKINE_BUILD_TESTS": False, "HDF5_PREFER_PARALLEL": True})
        self.assertIn("option(RANKINE_BUILD_TESTS", (ROOT / "CMakeLists.txt").read_text())


@unittest.skipUnless(os.path.exists(LMOD), "no Lmod")
class Lmod(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="rankine-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "rankine").mkdir()
        shutil.copy(SITE / "lmod" / "rankine.lua", self.folder / "rankine" / "1.2.3.lua")

    def changed(self, *words, **variables):
        """The environment after `module WORDS`, without what is Lmod's own."""
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "MODULEPATH": str(self.folder),
               **variables}
        result = subprocess.run([LMOD, "bash", *words], capture_output=True, text=True, timeout=60,
                                env=env)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        shell = subprocess.run(["bash", "-c", result.stdout + "env -0"], capture_output=True,
                               text=True, timeout=60, env=env)
        pairs = [pair.split("=", 1) for pair in shell.stdout.split("\0") if "=" in pair]
        return dict(pairs)

    def ours(self, environment):
        return {name: value for name, value in environment.items()
                if not re.match(r"_|LMOD|LOADEDMODULES|SHLVL|PWD|OLDPWD|HOME|MODULEPATH", name)}

    def test_it_adds_its_folders_and_nothing_of_openmp(self):
        prefix = "/opt/rankine/1.2.3"
        self.assertEqual(self.ours(self.changed("load", "rankine/1.2.3")), {
            "PATH": f"{prefix}/bin:/usr/bin:/bin",
            "CMAKE_PREFIX_PATH": prefix,
            "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig",
            "XDG_DATA_DIRS": f"{prefix}/share:/usr/local/share:/usr/share",
            "RANKINE_ROOT": prefix})

    def test_it_keeps_what_was_set_and_takes_back_what_it_added(self):
        before = {"MANPATH": "/a", "XDG_DATA_DIRS": "/b", "CMAKE_PREFIX_PATH": "/c"}
        loaded = self.changed("load", "rankine/1.2.3", **before)
        self.assertEqual(loaded["MANPATH"], "/opt/rankine/1.2.3/share/man:/a")
        self.assertEqual(loaded["XDG_DATA_DIRS"], "/opt/rankine/1.2.3/share:/b")
        after = self.changed("unload", "rankine", **loaded)
        self.assertEqual(self.ours(after), {"PATH": "/usr/bin:/bin", **before})


def definition():
    """The head and the sections of the Apptainer definition."""
    head, sections, section = {}, {}, None
    for line in (SITE / "rankine.def").read_text().splitlines():
        if line.startswith("#"):
            continue
        if line.startswith("%"):
            section = sections.setdefault(line[1:], [])
        elif section is not None:
            section.append(line)
        elif line:
            name, value = line.split(": ", 1)
            head[name] = value
    return head, sections


class Apptainer(unittest.TestCase):
    def test_it_has_a_head_and_known_sections(self):
        head, sections = definition()
        self.assertEqual(head, {"Bootstrap": "docker", "From": "debian:12-slim"})
        known = {"setup", "files", "post", "environment", "test", "runscript", "startscript",
                 "labels", "help", "arguments"}
        self.assertLessEqual({"files", "post", "environment", "runscript"}, set(sections))
        self.assertLessEqual(set(sections), known)

    def test_its_scripts_are_shell(self):
        _, sections = definition()
        for name in ("post", "environment", "test", "runscript"):
            with self.subTest(name):
                result = subprocess.run(["sh", "-n"], input="\n".join(sections[name]), text=True,
                                        capture_output=True, timeout=60)
                self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_it_takes_along_what_a_build_without_tests_needs(self):
        _, sections = definition()
        taken = {line.split()[0]: line.split()[1] for line in sections["files"] if line.strip()}
        for source, target in taken.items():
            self.assertTrue((ROOT / source).exists(), source)
            self.assertEqual(target, "/src/" + source)
        rooms = re.findall(r"^rankine_room\((\w+)", (ROOT / "CMakeLists.txt").read_text(), re.M)
        self.assertLessEqual(set(rooms) | {"CMakeLists.txt", "apps"}, set(taken))

    def test_its_packages_are_those_of_the_scripts(self):
        _, sections = definition()
        call = next(line for line in sections["post"] if "ensure_packages" in line)
        shown = call.replace("ensure_packages", "echo")
        result = subprocess.run(["sh", "-c", shown], cwd=ROOT, capture_output=True, text=True,
                                timeout=60)
        self.assertIn("libhdf5-dev", result.stdout.split())


class Heads(unittest.TestCase):
    def test_every_file_says_how_far_it_is_checked(self):
        for name in ("spack/package.py", "lmod/rankine.lua", "rankine.def"):
            head = (SITE / name).read_text()[:900]
            self.assertIn("How far it is checked", head, name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
