# SPDX-License-Identifier: BSD-2-Clause
"""The Debian package: built from the tree in two places that have nothing in common, the same bytes both times; nothing
for lintian to say; installed, used and removed, and the system is as it was.

CONCADVISE_BUILD names the folder that these tests leave alone: all of it happens in temporary ones."""
import atexit
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIMEOUT_S = 900
PACKAGE = "concadvise"
LIBEXEC = pathlib.Path("/usr/libexec/concadvise")
EXAMPLES = pathlib.Path("/usr/share/doc/concadvise/examples")
# The tree's own means are to make builds equal, not those of the package builder, which plain `meson install` has not.
OPTIONS = f"reproducible=-fixfilepath parallel={os.cpu_count()}"
# What a build must not depend on, and both have differently.
HERE = {"TZ": "UTC", "LC_ALL": "C", "HOME": "/nonexistent", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
THERE = {"TZ": "Pacific/Apia", "LC_ALL": "C.UTF-8", "HOME": "/", "PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "USER": "nemo"}


def run(*command, check=True, **popen):
    """The finished command with its output; a failure shows all of it."""
    argv = list(map(str, command))
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, **popen
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(argv)}: status {done.returncode}\n{done.stdout[-6000:]}")
    return done


def missing_programs():
    return [name for name in ("dpkg-buildpackage", "dh", "lintian", "dpkg-deb") if not shutil.which(name)]


def sources():
    """Files of the tree, relative to it: those of git with what is not committed yet; all, where there is no git."""
    listed = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", check=False)
    if listed.returncode == 0:
        return [name for name in listed.stdout.split("\0") if name and os.path.lexists(ROOT / name)]
    return [
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*")
        if path.is_file() and not re.match(r"(build|obj-|\.)", path.relative_to(ROOT).parts[0])
    ]


def copy_tree(target):
    """As it is at this moment: both builds begin with this copy."""
    for name in sources():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name, follow_symlinks=False)


def secluded():
    """Before a command: it sees no network and a kernel without BTF. Only root can do that."""
    if os.geteuid() != 0:
        return []
    hide = 'mount -t tmpfs none /sys/kernel/btf 2>/dev/null; test ! -e /sys/kernel/btf/vmlinux && exec "$@"'
    return ["unshare", "--mount", "--net", "sh", "-c", hide, "sh"]


def build(tree, folder, environment, umask, before=()):
    """The package of a copy of `tree` in `folder`; returns its .changes file."""
    shutil.copytree(tree, folder, symlinks=True)
    environment = {**environment, "DEB_BUILD_OPTIONS": OPTIONS}
    run(*before, "dpkg-buildpackage", "-us", "-uc", "-b", cwd=folder, umask=umask, env=environment)
    (changes,) = folder.parent.glob("*.changes")
    return changes


class PackageCase(unittest.TestCase):
    """Built once for all tests of this file."""

    folder = None

    @classmethod
    def setUpClass(cls):
        lacking = missing_programs()
        if lacking:
            raise unittest.SkipTest(f"no {', '.join(lacking)} here (./quickstart test installs them where packages are .debs)")
        if PackageCase.folder:
            return
        folder = tempfile.TemporaryDirectory(prefix="concadvise-packaging-")
        atexit.register(folder.cleanup)  # tests/run ends a module with each of its classes
        os.chmod(folder.name, 0o755)  # for whoever apt reads packages as
        PackageCase.folder = pathlib.Path(folder.name)
        copy_tree(cls.folder / "tree")
        PackageCase.here = build(cls.folder / "tree", cls.folder / "here" / "concadvise", HERE, 0o022)
        PackageCase.there = build(
            cls.folder / "tree", cls.folder / "somewhere/else" / "another-name", THERE, 0o077, secluded()
        )

    def debs(self, changes):
        found = {path.name: path for path in changes.parent.glob("*.deb")}
        self.assertGreater(len(found), 0)
        return found

    @property
    def deb(self):
        (path,) = self.here.parent.glob("concadvise_*.deb")
        return path


class BuildTest(PackageCase):
    def test_same_bytes_in_two_places(self):
        """Packages with debug information included."""
        here, there = self.debs(self.here), self.debs(self.there)
        self.assertEqual(sorted(here), sorted(there))
        self.assertTrue(any("dbgsym" in name for name in here), here)
        for name in here:
            if here[name].read_bytes() != there[name].read_bytes():
                self.fail(self.differences(here[name], there[name]))

    def differences(self, *debs):
        """Which files of two packages differ."""
        contents = []
        for number, deb in enumerate(debs):
            folder = self.folder / f"differs-{number}"
            run("dpkg-deb", "-R", deb, folder)
            contents.append({p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()})
        first, second = contents
        differing = [name for name in first.keys() & second.keys() if first[name].read_bytes() != second[name].read_bytes()]
        return f"{debs[0].name}: {sorted(differing)}, only in one: {sorted(first.keys() ^ second.keys())}"

    def test_no_path_of_the_build_is_in_it(self):
        for number, deb in enumerate(self.debs(self.here).values()):
            folder = self.folder / f"searched-{number}"
            run("dpkg-deb", "-R", deb, folder)
            found = run("grep", "-rlF", self.here.parent, folder, check=False)
            self.assertEqual(found.stdout, "", deb.name)

    def test_lintian(self):
        done = run("lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", self.here, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_needs_no_test_tools(self):
        """A package build compiles only what it installs."""
        control = (ROOT / "debian/control").read_text()
        self.assertNotIn("cmocka", control)
        (folder,) = (self.here.parent / "concadvise").glob("obj-*")
        self.assertFalse((folder / "tests").exists())
        self.assertFalse((folder / "examples").exists())

    def test_version_is_the_projects(self):
        project = re.search(r"^  version: '([^']+)'", (ROOT / "meson.build").read_text(), re.MULTILINE)[1]
        self.assertEqual(run("dpkg-deb", "-f", self.deb, "Version").stdout.strip(), project)


def traces():
    """Everything on this system that is called after the program."""
    found = run("find", "/usr", "/etc", "/var", "/opt", "-xdev", "-name", "*concadvise*", check=False).stdout
    return sorted(line for line in found.splitlines() if not line.startswith(("/var/tmp/", "find:")))


class InstalledTest(PackageCase):
    """On this system: as root, and where no other installation would be overwritten."""

    APT = ["apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--path-include=/usr/share/*"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root can install a package")
        there = shutil.which(PACKAGE, path="/usr/local/bin:/usr/bin") or (LIBEXEC.exists() and LIBEXEC)
        if there or run("dpkg-query", "-W", PACKAGE, check=False).returncode == 0:
            raise unittest.SkipTest(f"{there or PACKAGE} is installed already, and is not to be overwritten")
        cls.before = traces()
        cls.addClassCleanup(cls.remove)
        (deb,) = cls.here.parent.glob("concadvise_*.deb")
        cls.apt("install", "--no-install-recommends", deb)
        cls.listed = run("dpkg-query", "-L", PACKAGE).stdout.splitlines()

    @classmethod
    def apt(cls, *words):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        return run(*cls.APT, *words, env=environment)

    @classmethod
    def remove(cls):
        if run("dpkg-query", "-W", PACKAGE, check=False).returncode == 0:
            cls.apt("purge", PACKAGE)

    def use(self, *command, check=True, **popen):
        """A command as a user of the package has it: nothing of the tree is in the environment."""
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}
        return run(*command, check=check, env=environment, cwd="/", **popen)

    def replayed(self, *command):
        """The report on a program whose work was replayed."""
        out = self.folder / "report.json"
        done = self.use("concadvise", "-o", out, "--", *command)
        report = json.loads(out.read_text())
        if "is too little time" not in done.stdout:  # so says a replayer that was found on a crowded machine
            self.assertGreater(report["evidence"]["runs"], 0, done.stdout)
        return report

    def test_1_it_measures(self):
        done = self.use("concadvise", "--no-evidence", "--probe=bpf", "--", "true")
        self.assertIn("VERDICT", done.stdout)

    def test_1_saved_measurements_are_judged(self):
        """A hardened libc ends programs for what others forgive: as many ways through the report as there are seeds."""
        judged = 0
        for seed in sorted((ROOT / "tests/fuzz/corpus/measurement").iterdir()):
            done = self.use("concadvise", "report", "-v", seed, check=False)
            self.assertIn(done.returncode, (0, 2), f"{seed}: {done.stdout[-2000:]}")
            judged += done.returncode == 0
        self.assertGreater(judged, 5)

    def test_1_version(self):
        out = self.use("concadvise", "-V").stdout
        version = run("dpkg-query", "-W", "-f", "${Version}", PACKAGE).stdout
        self.assertEqual(out.splitlines()[0], f"concadvise {version}")
        self.assertRegex(out, r"(?m)^libraries +libbpf \d")

    def test_1_advice_of_an_example(self):
        """Helper, replayers and example as they are installed."""
        report = self.replayed("python3", EXAMPLES / "python/gil_threads.py")
        self.assertEqual(report["tool"]["probe"], "bpf")
        self.assertIn("CA2001", [finding["id"] for finding in report["findings"]])

    def test_1_a_native_example(self):
        """The other replayer; the sources of examples can be compiled where they are."""
        program = self.folder / "serial_cpu"
        self.use("cc", "-O1", "-o", program, EXAMPLES / "c/serial_cpu.c")
        self.assertEqual(self.replayed(program)["target"]["runtime"]["name"], "native")

    def test_1_no_rights_and_the_command_for_them(self):
        """The helper has no capabilities; who lacks rights is told what gives them, with the path it has here."""
        self.assertEqual(self.use("getcap", "-r", LIBEXEC).stdout, "")
        self.assertEqual((LIBEXEC / "concadvise-probe").stat().st_mode & 0o7777, 0o755)
        for script in ("preinst", "postinst", "prerm", "postrm", "config"):
            self.assertFalse(pathlib.Path(f"/var/lib/dpkg/info/{PACKAGE}.{script}").exists(), script)
        words = self.use("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "concadvise", "doctor", check=False)
        self.assertEqual(words.returncode, 1, words.stdout)
        command = re.search(r"setcap \S+ (\S+)", words.stdout)
        self.assertTrue(command, words.stdout)
        self.assertEqual(pathlib.Path(command[1].rstrip("`'\".,;:)")), LIBEXEC / "concadvise-probe")
        self.assertIn(f"setcap cap_bpf,cap_perfmon+ep {LIBEXEC}/concadvise-probe", (ROOT / "debian/README.Debian").read_text())

    def test_1_manual_pages(self):
        for section, name in ((1, "concadvise"), (5, "concadvise-report"), (5, "concadvise-diff")):
            path = self.use("man", "-w", section, name).stdout.strip()
            self.assertEqual(path, f"/usr/share/man/man{section}/{name}.{section}.gz")

    def test_1_completions(self):
        """Each shell finds them without being told where."""
        bash = "/usr/share/bash-completion/completions/concadvise"
        script = f"source {bash}; COMP_WORDS=(concadvise expo); COMP_CWORD=1; _concadvise; echo ${{COMPREPLY[@]}}"
        self.assertEqual(self.use("bash", "--norc", "-c", script).stdout, "export\n")
        if not (shutil.which("zsh") and shutil.which("fish")):
            self.skipTest("no zsh or no fish here (./quickstart test installs them)")
        found = self.use("zsh", "-f", "-c", "autoload -U compinit; compinit -u -D; print $_comps[concadvise]")
        self.assertEqual(found.stdout, "_concadvise\n")
        found = self.use("fish", "-c", "complete -C 'concadvise expo'")
        self.assertIn("export", found.stdout)

    def test_1_documents(self):
        """Schemas and tree can be read by tools, and the tree is the built-in one."""
        share = pathlib.Path("/usr/share/concadvise")
        for name in ("report.schema.json", "diff.schema.json", "tree.json"):
            json.loads((share / name).read_text())
        own = self.use("concadvise", "explain", "tree", "--tree", share / "tree.json").stdout
        self.assertEqual(own, self.use("concadvise", "explain", "tree").stdout)
        self.assertTrue((EXAMPLES.parent / "README.Debian").exists())

    def test_2_removed_without_a_trace(self):
        """The last test: what dpkg listed is gone, and nothing called after the program is left anywhere."""
        files = [path for path in self.listed if os.path.isfile(path)]
        self.assertGreater(len(files), 20)
        self.apt("remove", PACKAGE)
        self.assertEqual([path for path in files if os.path.lexists(path)], [])
        self.assertEqual(run("dpkg-query", "-W", "-f", "${db:Status-Status}", PACKAGE, check=False).returncode, 1)
        self.assertEqual(traces(), self.before)


if __name__ == "__main__":
    unittest.main()
