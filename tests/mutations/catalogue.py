"""The mutations: where, what, instead of what, and who must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One safeguard taken away.

    Attributes:
        name: what is missing then.
        file: a file of the project.
        text: stands in it, once.
        replacement: what stands there instead.
        test: the test that must fail, as pytest is told.
    """

    name: str
    file: str
    text: str
    replacement: str
    test: str

    def stale(self) -> str:
        """What is wrong with the mutation itself; empty if nothing is."""
        source = (ROOT / self.file).read_text()
        if (found := source.count(self.text)) != 1:
            return f"its text stands {found} times in {self.file}"
        try:
            compile(source.replace(self.text, self.replacement), self.file, "exec")
        except SyntaxError as error:
            return f"{self.file} cannot be read with it: {error}"
        file, _, name = self.test.partition("::")
        if f"def {name.partition('[')[0]}(" not in (ROOT / file).read_text():
            return f"there is no test {self.test}"
        return ""

    def apply(self, folder: Path) -> None:
        """Mutate a copy of the project."""
        file = folder / self.file
        file.write_text(file.read_text().replace(self.text, self.replacement))


LAKE = "sluicegate/lake/"
WAREHOUSE = "sluicegate/warehouse/"
UNIT = "tests/unit/"
OF_LAKE = "tests/lake/"
MODELS = "tests/models/"
CRASH = "tests/crash/"

DURABLE = (
    Mutation(
        "an entry replaces one that is there",
        LAKE + "durable.py",
        "os.link(draft, path)",
        "draft.replace(path)",
        OF_LAKE + "test_refs.py::test_of_two_movers_one_wins",
    ),
    Mutation(
        "an entry has its name before its content is flushed",
        LAKE + "durable.py",
        """        sync_file(draft)
        reached("entry written")""",
        """        reached("entry written")""",
        OF_LAKE + "test_sync_order.py::test_refs",
    ),
    Mutation(
        "an entry's name is not flushed",
        LAKE + "durable.py",
        """        reached("entry linked")
    sync_folder(path.parent)""",
        """        reached("entry linked")""",
        OF_LAKE + "test_sync_order.py::test_ledger_and_pins",
    ),
    Mutation(
        "a file has its name before its content is flushed",
        LAKE + "durable.py",
        """    sync_file(draft)
    reached("draft synced")""",
        """    reached("draft synced")""",
        OF_LAKE + "test_sync_order.py::test_publish",
    ),
    Mutation(
        "a file's name is not flushed",
        LAKE + "durable.py",
        """    reached("draft renamed")
    sync_folder(path.parent)""",
        """    reached("draft renamed")""",
        OF_LAKE + "test_sync_order.py::test_archive",
    ),
    Mutation(
        "the name of a new folder is not flushed",
        LAKE + "durable.py",
        "sync_folder(folder.parent)",
        "pass",
        OF_LAKE + "test_sync_order.py::test_refs",
    ),
    Mutation(
        "a draft is not locked",
        LAKE + "durable.py",
        """            fcntl.flock(lock, fcntl.LOCK_EX)
            if""",
        """            if""",
        OF_LAKE + "test_durable.py::test_draft_of_a_living_writer_is_left_alone",
    ),
    Mutation(
        "a draft that was swept is written to all the same",
        LAKE + "durable.py",
        "if os.fstat(lock.fileno()).st_nlink == 0:",
        "if False:",
        OF_LAKE + "test_durable.py::test_draft_that_is_swept_before_it_is_locked_is_made_again",
    ),
)

STORE = (
    Mutation(
        "the folders of new data files are not flushed",
        LAKE + "store.py",
        "folders = {folder for file in files for folder in file.parents}",
        "folders = {file.parent for file in files}",
        OF_LAKE + "test_sync_order.py::test_publish",
    ),
    Mutation(
        "data files are not flushed",
        LAKE + "store.py",
        "durable.sync_file(file)",
        "pass",
        OF_LAKE + "test_sync_order.py::test_publish",
    ),
    Mutation(
        "a generation may be written to",
        LAKE + "store.py",
        "draft.chmod(0o444)",
        "pass",
        OF_LAKE + "test_branch_publish.py::test_generation_is_immutable",
    ),
)

LOG = (
    Mutation(
        "an entry goes after the newest, not after the one that was seen",
        LAKE + "log.py",
        "self._store.create(self._key(number + 1), content)",
        "self._store.create(self._key(self.last() + 1), content)",
        OF_LAKE + "test_refs.py::test_of_two_movers_one_wins",
    ),
    Mutation(
        "who lost his number believes that he is on record",
        LAKE + "log.py",
        "if self.append_after(number, entry):",
        "if self.append_after(number, entry) or True:",
        UNIT + "test_ledger.py::test_two_that_record_at_once_are_both_on_record",
    ),
)

REFS = (
    Mutation(
        "who lost the race believes that he moved the ref",
        LAKE + "refs.py",
        "if not self._log(ref).append_after(number, entry):",
        "if not self._log(ref).append_after(number, entry) and not number:",
        OF_LAKE + "test_refs.py::test_threads_that_move_a_ref_together",
    ),
    Mutation(
        "a ref that exists is made again",
        LAKE + "refs.py",
        "if newest is not None and newest.action != DELETE:",
        "if False:",
        OF_LAKE + "test_refs.py::test_ref_that_exists_is_not_made_again",
    ),
)

BRANCH = (
    Mutation(
        "data files are not flushed before their catalog",
        LAKE + "branch.py",
        "self._store.sync(fresh)",
        "pass",
        OF_LAKE + "test_sync_order.py::test_publish",
    ),
    Mutation(
        "data files are flushed after their catalog",
        LAKE + "branch.py",
        """        self._store.sync(fresh)
        reached("data synced")
        if not self.files.remote:
            checksums.record(self.catalog, self._store, fresh)
        if rewritten is not None:
            vacuum(self.catalog)
        reached("catalog finished")
        generation = self._name()
        self._store.settle(self.catalog, key_of(generation))""",
        """        generation = self._name()
        self._store.settle(self.catalog, key_of(generation))
        self._store.sync(fresh)""",
        OF_LAKE + "test_sync_order.py::test_publish",
    ),
    Mutation(
        "a branch is published while it is open",
        LAKE + "branch.py",
        "if self._open or any(",
        "if any(",
        OF_LAKE + "test_branch_publish.py::test_open_branch_is_not_published",
    ),
    Mutation(
        "a branch is published with its journal beside it",
        LAKE + "branch.py",
        "if self._open or any(leftover.exists() for leftover in leftovers):",
        "if self._open:",
        OF_LAKE + "test_branch_publish.py::test_half_written_branch_is_not_published",
    ),
    Mutation(
        "what is not in the lake is published",
        LAKE + "branch.py",
        "self._require_own()\n",
        "pass\n",
        OF_LAKE
        + "test_foreign_files.py::test_file_that_is_not_in_its_tables_folder[drop/x.parquet]",
    ),
    Mutation(
        "two write on one branch",
        LAKE + "branch.py",
        "fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        OF_LAKE + "test_branch_publish.py::test_branch_has_one_writer",
    ),
    Mutation(
        "a lock without a name counts",
        LAKE + "branch.py",
        "if _same_file(lock, folder / _LOCK):",
        "if True:",
        OF_LAKE + "test_branch_publish.py::test_sweeper_cannot_take_a_branch_in_the_making",
    ),
    Mutation(
        "a branch is removed under its name",
        LAKE + "branch.py",
        "folder = folder.rename(folder.with_name(",
        "str(folder.with_name(",
        OF_LAKE + "test_branch_publish.py::test_branch_of_the_same_name_begins_while_one_ends",
    ),
    Mutation(
        "branches are made while others sweep",
        LAKE + "branch.py",
        "fcntl.flock(door, fcntl.LOCK_EX)",
        "pass",
        OF_LAKE + "test_rooting.py::test_branch_is_made_by_one_process_at_a_time",
    ),
    Mutation(
        "a branch that came late is gone",
        LAKE + "branch.py",
        "copy_catalog(self._store.local(key_of(generation)), self.catalog)",
        "pass",
        OF_LAKE + "test_branch_publish.py::test_refused_if_the_ref_moves_at_the_last_moment",
    ),
    Mutation(
        "a branch is set aside while others collect",
        LAKE + "branch.py",
        """        with rooting(self._store.workspace):
            copy_catalog(self.catalog, aside)""",
        """        with suppress():
            copy_catalog(self.catalog, aside)""",
        OF_LAKE + "test_rooting.py::test_nobody_collects_while_somebody_points[set aside]",
    ),
    Mutation(
        "evidence is kept while others collect",
        LAKE + "branch.py",
        """            with rooting(self._store.workspace):
                # A power cut""",
        """            with suppress():
                # A power cut""",
        OF_LAKE + "test_rooting.py::test_nobody_collects_while_somebody_points[refuse]",
    ),
    Mutation(
        "evidence names what never reached the disk",
        LAKE + "branch.py",
        "self._store.sync(_keys(self.catalog) - self._durable())",
        "pass",
        OF_LAKE + "test_sync_order.py::test_evidence",
    ),
    Mutation(
        "a catalog that is copied can be seen half",
        LAKE + "branch.py",
        """target.with_name(f".{target.name}")""",
        """target""",
        OF_LAKE + "test_rooting.py::test_copied_catalog_appears_whole",
    ),
)

LAKES = (
    Mutation(
        "a late branch is sealed before anybody looks",
        LAKE + "lake.py",
        "if self.refs.head(branch.ref) != branch.base:",
        "if False:",
        OF_LAKE + "test_branch_publish.py::test_refused_if_the_ref_moved",
    ),
    Mutation(
        "a branch is published onto whatever is there",
        LAKE + "lake.py",
        "self.refs.move(branch.ref, branch.base, generation,",
        "self.refs.move(branch.ref, self.refs.head(branch.ref), generation,",
        OF_LAKE + "test_branch_publish.py::test_refused_if_the_ref_moves_at_the_last_moment",
    ),
    Mutation(
        "a branch is made while others collect",
        LAKE + "lake.py",
        """            with rooting(self.root):
                base =""",
        """            with ExitStack():
                base =""",
        OF_LAKE + "test_rooting.py::test_nobody_collects_while_somebody_points[branch]",
    ),
    Mutation(
        "a branch is published while others collect",
        LAKE + "lake.py",
        """        with rooting(self.root):
            require_restored(self.store)""",
        """        with ExitStack():
            require_restored(self.store)""",
        OF_LAKE + "test_rooting.py::test_nobody_collects_while_somebody_points[publish]",
    ),
    Mutation(
        "a ref is rolled back while others collect",
        LAKE + "lake.py",
        """        with rooting(self.root):
            head = self.refs.require(ref)
            target""",
        """        with ExitStack():
            head = self.refs.require(ref)
            target""",
        OF_LAKE + "test_rooting.py::test_nobody_collects_while_somebody_points[rollback]",
    ),
    Mutation(
        "a ref is made while others collect",
        LAKE + "lake.py",
        """        with rooting(self.root):
            generation = self.generation(source)""",
        """        with ExitStack():
            generation = self.generation(source)""",
        OF_LAKE + "test_rooting.py::test_nobody_collects_while_somebody_points[start]",
    ),
    Mutation(
        "a ref goes back to what is lost",
        LAKE + "lake.py",
        "self.require_kept(target, hint=partial(self._oldest, head))",
        "pass",
        OF_LAKE + "test_rollback.py::test_lost_generation_is_not_shown",
    ),
    Mutation(
        "the development branch counts as that of a head that it is not of",
        LAKE + "development.py",
        "origin.unlink(missing_ok=True)",
        "pass",
        OF_LAKE + "test_rooting.py::test_development_branch_is_of_the_head_that_it_says",
    ),
)

BACKUP = (
    Mutation(
        "refs are copied before the ledger",
        LAKE + "backup_lists.py",
        'BEFORE = ("ledger/", "refs/", PINS, DENIED)',
        'BEFORE = ("refs/", "ledger/", PINS, DENIED)',
        OF_LAKE + "test_backup.py::test_ledger_is_copied_before_the_refs",
    ),
    Mutation(
        "a copy has its name before its content is flushed",
        LAKE + "backup.py",
        "durable.sync_file(draft)",
        "pass",
        OF_LAKE + "test_sync_order.py::test_backup",
    ),
    Mutation(
        "the names of copies are not flushed",
        LAKE + "backup.py",
        "durable.sync_folder(folder)",
        "pass",
        OF_LAKE + "test_sync_order.py::test_backup",
    ),
    Mutation(
        "a catalog is copied before its files",
        LAKE + "backup.py",
        """    copier.take(files, digests)
    copier.take([key], digests)""",
        """    copier.take([key], digests)
    copier.take(files, digests)""",
        OF_LAKE + "test_sync_order.py::test_backup",
    ),
    Mutation(
        "what has rotted in the lake is backed up",
        LAKE + "backup.py",
        "if not facts[1].startswith(published):",
        "if False:",
        OF_LAKE
        + "test_verify_backup.py::test_what_has_rotted_in_the_lake_is_not_backed_up[files/]",
    ),
    Mutation(
        "a list is believed that vouches for damage",
        LAKE + "backup.py",
        "if there is not None and there[1].startswith(published):",
        "if there is not None:",
        OF_LAKE + "test_verify_backup.py::test_list_that_vouches_for_damage_is_not_believed",
    ),
    Mutation(
        "a refused run's catalog is copied without its files",
        LAKE + "backup.py",
        "[key for key in keys if is_catalog(key)]",
        "list[str]()",
        OF_LAKE + "test_backup.py::test_refused_run_is_backed_up_with_its_files",
    ),
    Mutation(
        "a file is copied for every catalog that names it",
        LAKE + "backup.py",
        "if key in self.objects:",
        "if False:",
        OF_LAKE + "test_backup.py::test_object_is_copied_and_counted_once",
    ),
    Mutation(
        "what an earlier backup left undone stays",
        LAKE + "backup.py",
        "durable.sweep_drafts(durable.make_folder(folder / place))",
        "durable.make_folder(folder / place)",
        CRASH + "test_points.py::test_killed_at[object copied]",
    ),
    Mutation(
        "refs are restored with everything else",
        LAKE + "restore.py",
        "backup.objects.keys() - entries.keys()",
        "backup.objects.keys()",
        OF_LAKE + "test_sync_order.py::test_restore",
    ),
    Mutation(
        "catalogs are restored before their files",
        LAKE + "restore.py",
        "return is_catalog(key), key",
        "return not is_catalog(key), key",
        OF_LAKE + "test_sync_order.py::test_restore",
    ),
    Mutation(
        "a lake that is being restored is not marked",
        LAKE + "restore.py",
        "mark(lake.store, str(folder), backup.name)",
        "pass",
        OF_LAKE + "test_backup.py::test_nobody_works_in_a_lake_that_is_half_restored",
    ),
    Mutation(
        "the mark of a restore comes back after a power cut",
        LAKE + "restoring.py",
        "durable.sync_folder(store.workspace)",
        "pass",
        OF_LAKE + "test_sync_order.py::test_restore",
    ),
    Mutation(
        "a run publishes into a lake that is being restored",
        LAKE + "refs.py",
        "        require_restored(self._store)\n        newest = self._newest(ref)\n",
        "        newest = self._newest(ref)\n",
        OF_LAKE + "test_backup.py::test_nobody_works_in_a_lake_that_is_half_restored",
    ),
    Mutation(
        "what is there is taken for what was backed up",
        LAKE + "restore.py",
        " and digested(lake.store.stream(key)) == backup.objects[key]",
        "",
        OF_LAKE + "test_backup.py::test_restore_replaces_what_is_damaged",
    ),
    Mutation(
        "a restore does not look again once nobody can publish",
        LAKE + "restore.py",
        """    with deciding(lake.root):
        _require_empty(lake, backup)""",
        """    with deciding(lake.root):""",
        OF_LAKE + "test_backup.py::test_lake_that_was_published_to_meanwhile_is_left_alone",
    ),
    Mutation(
        "a backup forgets what was collected",
        LAKE + "backup.py",
        "copier.take(_keys(lake, COLLECTED))",
        "pass",
        OF_LAKE + "test_backup.py::test_restored_lake_knows_what_was_collected",
    ),
    Mutation(
        "a pin replaces that of an earlier backup",
        LAKE + "backup_lists.py",
        'return f"{key}.{digest[:16]}" if key.startswith(PINS) else key',
        "return key",
        OF_LAKE + "test_backup.py::test_pin_of_a_name_that_another_one_had",
    ),
    Mutation(
        "a restore takes another one's entry for its own",
        LAKE + "restore.py",
        """    _require_same(lake, key, _facts(content))
    return 0""",
        """    return 0""",
        OF_LAKE + "test_backup.py::test_entry_that_somebody_made_meanwhile_is_not_replaced",
    ),
    Mutation(
        "a restore goes into any lake",
        LAKE + "restore.py",
        "        for stored in lake.store.list(prefix):",
        "        for stored in ():",
        OF_LAKE + "test_backup.py::test_places_that_are_refused",
    ),
    Mutation(
        "a damaged copy is restored",
        LAKE + "restore.py",
        "if found != backup.objects[key]:",
        "if found is None:",
        OF_LAKE + "test_backup.py::test_damaged_backup_shows_nothing",
    ),
    Mutation(
        "others work while a lake is restored",
        LAKE + "restore.py",
        "with deciding(lake.root):",
        "if True:",
        OF_LAKE + "test_rooting.py::test_nobody_does_anything_during_a_restore",
    ),
)

CARRY = (
    Mutation(
        "a source is carried over that somebody touched",
        "sluicegate/ingestion/carry.py",
        "return _state(self.base, table) == _state(head, table)",
        "return True",
        UNIT + "test_carry.py::test_what_somebody_touched_is_done_again",
    ),
    Mutation(
        "a source is carried over that has other batches",
        "sluicegate/ingestion/carry.py",
        "if {receipt.batch for receipt in intake.receipts} != set(batches):",
        "if False:",
        UNIT + "test_carry.py::test_what_somebody_touched_is_done_again",
    ),
    Mutation(
        "a source is carried over that was refused",
        "sluicegate/ingestion/carry.py",
        "if intake is None or intake.refusals:",
        "if intake is None:",
        UNIT + "test_carry.py::test_nothing_is_carried_of_a_source_with_refusals",
    ),
    Mutation(
        "a model is carried over that reads what somebody touched",
        WAREHOUSE + "rebuild.py",
        "untouched=lambda name: name in untouched or",
        "untouched=lambda name: True or",
        MODELS + "test_rebuild.py::test_only_what_reads_a_changed_table_is_built_again",
    ),
    Mutation(
        "a model is carried over that reads more than it declares",
        WAREHOUSE + "rebuild.py",
        "graph.reading(read),",
        "graph,",
        MODELS + "test_rebuild.py::test_only_what_reads_a_changed_table_is_built_again",
    ),
    Mutation(
        "a snapshot is carried over whose own table somebody touched",
        WAREHOUSE + "rebuild.py",
        "begins_alike=lambda name: base.get(name) == now.get(name),",
        "begins_alike=lambda name: True,",
        MODELS + "test_rebuild.py::test_what_remembers_is_built_again_if_its_own_table_was_touched",
    ),
    Mutation(
        "unit tests that have to run do not",
        WAREHOUSE + "rebuild.py",
        "(unit_tests and not former.unit_tests)",
        "False",
        MODELS + "test_rebuild.py::test_unit_tests_run_if_they_have_to",
    ),
    Mutation(
        "what dbt was to build again and did not is taken for built",
        WAREHOUSE + "rebuild.py",
        "if missing := again - models.keys() - checks.keys():",
        "if missing := set[str]():",
        MODELS + "test_rebuild.py::test_what_dbt_leaves_out_is_no_success",
    ),
    Mutation(
        "a table that is carried over loses its promises",
        LAKE + "replica.py",
        "' NOT NULL' if null == 'NO' else ''",
        "''",
        MODELS + "test_rebuild.py::test_nothing_is_built_again_where_nothing_differs",
    ),
    Mutation(
        "a branch with nothing on it takes the place of what was set aside",
        "sluicegate/pipeline/stages.py",
        "run.begin()",
        "pass",
        UNIT + "test_run_record.py::test_attempt_that_never_began_leaves_what_was_set_aside",
    ),
)

COLLECT = (
    Mutation(
        "what is to be removed is not condemned first",
        LAKE + "collect.py",
        "partial(condemned.add, name, self._now)",
        "lambda: None",
        OF_LAKE + "test_sync_order.py::test_collecting",
    ),
    Mutation(
        "what is removed is not on record",
        LAKE + "collect.py",
        "partial(condemned.put_on_record, names, self._now)",
        "lambda: None",
        OF_LAKE + "test_sync_order.py::test_collecting",
    ),
    Mutation(
        "files go before it is certain that their catalogs are gone",
        LAKE + "collect.py",
        "durable.sync_folder(folder)",
        "pass",
        OF_LAKE + "test_sync_order.py::test_collecting",
    ),
    Mutation(
        "others point at catalogs while they are removed",
        LAKE + "collect.py",
        "with deciding(self._lake.root):",
        "if True:",
        OF_LAKE + "test_rooting.py::test_nobody_points_while_catalogs_are_removed",
    ),
    Mutation(
        "files of a branch at work are removed",
        LAKE + "collect.py",
        "if file.key not in named and file.modified < before",
        "if file.key not in named",
        OF_LAKE + "test_rooting.py::test_files_of_a_branch_at_work_stay",
    ),
)

KEEPING = (
    Mutation(
        "what was removed without a record is forgotten",
        LAKE + "collect.py",
        "for name in names if on_record else ():",
        "for name in names:",
        OF_LAKE + "test_collect.py::test_full_disk_makes_room",
    ),
    Mutation(
        "what there was no room to condemn counts as condemned",
        LAKE + "collect.py",
        """            if self._uncondemned is not None:
                break
""",
        "",
        OF_LAKE + "test_collect.py::test_full_disk_removes_nothing_that_is_not_condemned",
    ),
    Mutation(
        "two collect at once",
        LAKE + "collect.py",
        "with collecting(lake.root):",
        "if True:",
        OF_LAKE + "test_rooting.py::test_one_collects_at_a_time",
    ),
    Mutation(
        "clocks are taken to agree",
        LAKE + "roots.py",
        "_SKEW = timedelta(days=1)",
        "_SKEW = timedelta(0)",
        OF_LAKE + "test_collect.py::test_clocks_may_be_a_day_apart",
    ),
    Mutation(
        "an entry that lost its name is overlooked",
        LAKE + "roots.py",
        "if strays := self._lake.refs.strays():",
        "if strays := self._lake.refs.strays()[:0]:",
        OF_LAKE + "test_verify.py::test_what_is_no_entry_is_told[refs/dev/1.json]",
    ),
    Mutation(
        "a lease is for its owner's eyes",
        LAKE + "leases.py",
        "os.fchmod(handle, 0o644)",
        "pass",
        OF_LAKE + "test_pins.py::test_collector_of_another_user_may_read_a_lease",
    ),
    Mutation(
        "a fork lets go of its parent's lease",
        LAKE + "leases.py",
        "if self.handle is not None and self.process == os.getpid():",
        "if self.handle is not None:",
        OF_LAKE + "test_pins.py::test_fork_does_not_let_go",
    ),
    Mutation(
        "a lease is let go of before its name is gone",
        LAKE + "leases.py",
        """            with suppress(OSError):
                self.file.unlink()
            os.close(self.handle)""",
        """            os.close(self.handle)
            with suppress(OSError):
                self.file.unlink()""",
        OF_LAKE + "test_pins.py::test_lease_has_no_name_once_it_is_not_locked",
    ),
    Mutation(
        "SQLite is not asked whether a catalog is whole",
        LAKE + "verify_catalogs.py",
        "PRAGMA integrity_check(10)",
        "SELECT 'ok'",
        OF_LAKE + "test_verify.py::test_damage_that_no_query_meets",
    ),
    Mutation(
        "a lost newest move is not looked for",
        LAKE + "verify_logs.py",
        "if len(unknown) > told:",
        "if False:",
        OF_LAKE + "test_verify.py::test_lost_newest_move",
    ),
    Mutation(
        "the journal of a killed writer is replayed",
        LAKE + "branch.py",
        "target.with_name(target.name + leftover).unlink(missing_ok=True)",
        "pass",
        OF_LAKE + "test_branch_publish.py::test_journals_of_the_dead_are_not_replayed",
    ),
    Mutation(
        "a damaged data file is a wrong query",
        LAKE + "lake.py",
        "return damage(str(error), lease.catalog, self.files)",
        "return None",
        OF_LAKE + "test_damage.py::test_deletions_in_disorder",
    ),
)

PINS = (
    Mutation(
        "a generation is pinned while others collect",
        LAKE + "pins.py",
        "with rooting(self._store.workspace):",
        "if True:",
        OF_LAKE + "test_rooting.py::test_nobody_collects_while_somebody_points[pin]",
    ),
    Mutation(
        "a generation is pinned that is gone",
        LAKE + "pins.py",
        "self._require_kept(generation)",
        "pass",
        OF_LAKE + "test_rooting.py::test_what_is_gone_is_not_pinned",
    ),
)

RUN = (
    Mutation(
        "runs of one environment work at once",
        "sluicegate/pipeline/run.py",
        "fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        UNIT + "test_turn.py::test_runs_of_one_environment_queue",
    ),
    Mutation(
        "a run that begins is not on record",
        "sluicegate/pipeline/run.py",
        "        ledger.record(\n            STARTED,",
        "        (lambda *_, **__: None)(\n            STARTED,",
        UNIT + "test_run_record.py::test_run_that_is_killed_stays_begun",
    ),
    Mutation(
        "what a run ingested is lost when the ref moves",
        "sluicegate/pipeline/run.py",
        "self._set_aside(branch)",
        "pass",
        UNIT + "test_run_record.py::test_what_was_ingested_is_kept_when_the_ref_moves",
    ),
    Mutation(
        "a run that published is said to have failed",
        "sluicegate/pipeline/run.py",
        "if head is not None and head.run == self.id:",
        "if False:",
        UNIT + "test_run_record.py::test_error_after_the_ref_moved_does_not_unpublish",
    ),
)

READERS = (
    Mutation(
        "a cursor holds nothing of what it reads",
        LAKE + "connection.py",
        "finalize(held, call)",
        "finalize(connection, call)",
        OF_LAKE + "test_handout.py::test_what_is_derived_from_a_connection_holds_its_view",
    ),
    Mutation(
        "a query may reach other files",
        LAKE + "connection.py",
        'connection.execute("SET enable_external_access = false")',
        "pass",
        OF_LAKE + "test_lake_sql.py::test_connection_itself_reaches_no_other_file",
    ),
    Mutation(
        "a query may change what it may reach",
        LAKE + "connection.py",
        'connection.execute("SET lock_configuration = true")',
        "pass",
        OF_LAKE + "test_lake_sql.py::test_connection_itself_cannot_be_opened_up",
    ),
    Mutation(
        "a journal beside a generation is applied to it",
        LAKE + "connection.py",
        "        require_alone(catalog)\n",
        "",
        OF_LAKE
        + "test_lake_sql.py::test_journal_beside_a_generation_is_neither_applied_nor_ignored",
    ),
    Mutation(
        "a view shows a column that was dropped",
        LAKE + "views.py",
        " or not ids <= _ids_in(connection, place)",
        "",
        OF_LAKE + "test_handout.py::test_view_never_shows_what_was_dropped",
    ),
    Mutation(
        "files of another lineage count as the same",
        LAKE + "diff_tables.py",
        "one_lineage = before.uuid == after.uuid and not",
        "one_lineage = not",
        OF_LAKE + "test_diff.py::test_files_are_shared_within_one_lineage_only",
    ),
    Mutation(
        "a value stands for itself",
        "sluicegate/pseudonyms/permutation.py",
        "(place + 1) % size",
        "place",
        OF_LAKE + "test_pseudonyms.py::test_permutation_leaves_no_number_where_it_is",
    ),
    Mutation(
        "what does not fit into memory is spilled as it is",
        LAKE + "mask.py",
        'session.execute("SET temp_file_encryption = true")',
        "pass",
        OF_LAKE + "test_mask.py::test_what_is_spilled_is_encrypted",
    ),
)

FILES = "tests/files/"
TAKING_IN = (
    Mutation(
        "a text is unpacked for how it begins",
        "sluicegate/sources/text.py",
        "    return raw.startswith(_TAKEN_FOR_PACKED)",
        "    return False",
        FILES + "test_read_delimited.py::test_text_is_not_unpacked_for_how_it_begins",
    ),
    Mutation(
        "what was cut of a line need not be the line",
        "sluicegate/sources/json_quotes.py",
        '        same = self._same(cells, lines["line"])',
        "        same = pl.repeat(value=True, n=lines.height, dtype=pl.Boolean, eager=True)",
        FILES + "test_json_quotes.py::test_other_lines_are_not_taken",
    ),
    Mutation(
        "an escape is taken for what it says",
        "sluicegate/sources/json_quotes.py",
        '            same &= ~lines["line"].str.contains("\\\\", literal=True)',
        "            pass",
        FILES + "test_json_quotes.py::test_other_lines_are_not_taken",
    ),
    Mutation(
        "a batch that corrects says a key twice",
        "sluicegate/ingestion/load.py",
        "            self.copied.add(judged.copies)",
        "            pass",
        UNIT + "test_load.py::test_a_batch_says_a_key_once_however_many_parts_it_has",
    ),
    Mutation(
        "a later part corrects an earlier one",
        "sluicegate/ingestion/fates.py",
        'theirs.filter("again"), on=_ROW',
        "theirs.clear(), on=_ROW",
        UNIT + "test_load.py::test_a_batch_says_a_key_once_however_many_parts_it_has",
    ),
)

MUTATIONS = (
    *(*DURABLE, *STORE, *LOG, *REFS, *BRANCH, *LAKES, *BACKUP),
    *(*CARRY, *COLLECT, *KEEPING, *PINS, *RUN, *READERS, *TAKING_IN),
)
