//! Disks that are full, folders that cannot be written, files that are damaged, foreign, too new or in use: each has its own error,
//! and nothing is lost or claimed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in what it calls too")]

mod sample;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use sample::{finding, folder_of_other_process, key, open, other_process, quick};
use store::{
    Batch, Check, DeliveryState, Error, Options, Prune, Reader, Receipts, SCHEMA_VERSION, Store, restore,
};

/// A batch that needs some 50 pages.
fn large(number: u64) -> Batch {
    let id = format!("f{number}");
    let mut batch = Batch::new(0);
    batch.finding(finding(&id, 0)).deliver(key(&id, 0, "mail"), vec![7; 200_000], 0);
    batch.count("batches", 1).checkpoint("source", "p", number.to_string().as_bytes());
    batch
}

/// Commits until there is no space, frees some, and goes on with what was refused.
fn fill_and_go_on(store: &Store, make_room: impl FnOnce()) {
    let mut number = 0;
    let refused = loop {
        number += 1;
        assert!(number < 1_000, "it never got full");
        match store.commit(large(number)) {
            Ok(_) => {}
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.error, Error::Full { file: store.file() });
    assert!(number > 2, "some fitted");

    let mut reader = store.reader().unwrap();
    let kept = |reader: &mut Reader| {
        let snapshot = reader.snapshot().unwrap();
        let status = snapshot.status().unwrap();
        assert!(status.findings.balanced() && status.deliveries.balanced());
        assert_eq!(status.findings.created, status.deliveries.created);
        assert_eq!(snapshot.counters().unwrap(), [("batches".to_owned(), status.findings.created)]);
        let position = snapshot.checkpoint("source", "p").unwrap().unwrap();
        assert_eq!(position, status.findings.created.to_string().into_bytes());
        status.findings.created
    };
    assert_eq!(kept(&mut reader), number - 1, "what was acknowledged, and nothing of what was refused");
    let again = store.commit(*refused.work.unwrap()).unwrap_err();
    assert!(matches!(again.error, Error::Full { .. }), "still full");

    make_room();
    store.commit(*again.work.unwrap()).unwrap();
    assert_eq!(kept(&mut reader), number);
}

#[test]
fn a_size_limit_is_a_full_disk_until_retention_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { size_max_bytes: Some(3_000_000), ..quick() };
    let store = Store::open(folder.path(), &options).unwrap();
    fill_and_go_on(&store, || {
        let started =
            store.commit(store::Attempts::new(0, [key("f1", 0, "mail"), key("f2", 0, "mail")])).unwrap();
        let mut receipts = Receipts::new(1);
        for attempt in started {
            receipts.note(attempt.unwrap(), store::Outcome::Delivered { receipt: vec![], handle: None });
        }
        store.commit(receipts).unwrap();
        let prune = Prune { payloads_before_ms: Some(2), pages_max: 0, ..Prune::default() };
        assert_eq!(store.commit(prune).unwrap().payloads, 2);
    });
}

/// A real full disk: a small file system in memory, in a name space of its own.
#[test]
fn a_full_disk_refuses_and_recovers() {
    if let Some(folder) = folder_of_other_process() {
        let ballast = folder.join("ballast");
        fs::write(&ballast, vec![0; 1 << 20]).unwrap();
        let store = open(&folder.join("state"));
        fill_and_go_on(&store, || fs::remove_file(&ballast).unwrap());
        return println!("filled and emptied");
    }
    let folder = tempfile::tempdir().unwrap();
    let test =
        other_process(&std::env::current_exe().unwrap(), "a_full_disk_refuses_and_recovers", folder.path());
    let mut inside = Command::new("unshare");
    inside.args([
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs -o size=4m none \"$0\" && exec \"$@\"",
    ]);
    inside.arg(folder.path()).arg(test.get_program()).args(test.get_args());
    inside.envs(test.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let may_mount = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none"])
        .arg(folder.path())
        .output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        return println!("left out: no file system can be mounted here; the size limit is tested instead");
    }
    let output = inside.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("filled and emptied"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_written_can_be_read() {
    if let Some(folder) = folder_of_other_process() {
        let refused = Store::open(&folder, &quick()).unwrap_err();
        assert!(matches!(&refused, Error::ReadOnly { path, .. } if path.starts_with(&folder)), "{refused}");
        let refused = Store::open(&folder.join("new"), &quick()).unwrap_err();
        assert!(matches!(refused, Error::ReadOnly { .. }), "{refused}");
        let mut reader = Reader::open(&folder).unwrap();
        assert_eq!(reader.snapshot().unwrap().finding("f").unwrap().len(), 1);
        let backup = reader.backup(&folder.join("copy")).unwrap_err();
        assert!(matches!(backup, Error::ReadOnly { .. } | Error::Io { .. }), "{backup}");
        return println!("read only");
    }
    let outside = tempfile::tempdir().unwrap();
    // A name that a URI must escape.
    let folder = outside.path().join("state?100%#");
    let mut batch = Batch::new(0);
    batch.finding(finding("f", 0));
    open(&folder).commit(batch).unwrap();

    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let program = outside.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    set(outside.path(), 0o755);
    for file in fs::read_dir(&folder).unwrap() {
        set(&file.unwrap().path(), 0o444);
    }
    set(&folder, 0o555);
    let mut child = other_process(&program, "a_folder_that_cannot_be_written_can_be_read", &folder);
    // Root may write everywhere, so there the child is somebody else.
    let is_root = File::create(folder.join("probe")).is_ok();
    if is_root {
        fs::remove_file(folder.join("probe")).unwrap();
        child.uid(65_534).gid(65_534).current_dir("/");
    }
    let output = child.output().unwrap();
    set(&folder, 0o755);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("read only"), "{said}");
}

/// Some findings, so that there are pages to damage.
fn filled(folder: &Path) -> std::path::PathBuf {
    let store = open(folder);
    let mut batch = Batch::new(0);
    for number in 0..200 {
        batch.finding(finding(&format!("f{number}"), 0));
    }
    store.commit(batch).unwrap();
    store.file()
}

fn overwrite(file: &Path, offset: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(file).unwrap().write_all_at(bytes, offset).unwrap();
}

#[test]
fn a_damaged_page_is_found_on_opening_and_a_backup_helps() {
    let folder = tempfile::tempdir().unwrap();
    let (state, backup) = (folder.path().join("state"), folder.path().join("backup.db"));
    let file = filled(&state);
    Reader::open(&state).unwrap().backup(&backup).unwrap();
    let pages = fs::metadata(&file).unwrap().len() / 4096;
    let whole = fs::read(&file).unwrap();
    // Every page in turn but those that hold only free space or are the pointer map's.
    let mut found = 0;
    for page in 0..pages {
        overwrite(&file, page * 4096, &[0xa5; 4096]);
        match Store::open(&state, &quick()) {
            Err(Error::Corrupt { file: named, detail }) => {
                assert_eq!(named, file);
                assert!(!detail.is_empty());
                found += 1;
            }
            opened => panic!("page {page} of {pages}: {opened:?}"),
        }
        fs::write(&file, &whole).unwrap();
    }
    assert_eq!(found, pages);

    overwrite(&file, 8 * 4096, &[0xa5; 4096]);
    let error = Store::open(&state, &quick()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{} is damaged: ", file.display())), "{error}");
    assert!(error.hint().starts_with("restore a backup"), "{}", error.hint());
    let aside = restore(&backup, &state).unwrap().unwrap();
    assert_eq!(fs::metadata(aside).unwrap().len(), pages * 4096);
    let store = open(&state);
    assert_eq!(store.reader().unwrap().snapshot().unwrap().status().unwrap().findings.latest[3], 200);
}

#[test]
fn damage_that_is_met_while_running_stops_the_writing() {
    let folder = tempfile::tempdir().unwrap();
    let file = filled(folder.path());
    let root: u64 = {
        let shell = Connection::open(&file).unwrap();
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'checkpoint'";
        shell.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap().into()
    };
    overwrite(&file, (root - 1) * 4096, &[0xa5; 4096]);
    let store = Store::open(folder.path(), &Options { check: Check::Skip, ..quick() }).unwrap();
    let mut batch = Batch::new(0);
    batch.checkpoint("s", "p", b"1");
    let failed = store.commit(batch).unwrap_err().error;
    assert!(
        matches!(&failed, Error::Failed { cause } if matches!(**cause, Error::Corrupt { .. })),
        "{failed}"
    );
    assert_eq!(store.commit(Batch::new(0)).unwrap_err().error, failed, "and no other work is taken");
    store.close();
    assert!(matches!(Store::open(folder.path(), &quick()), Err(Error::Corrupt { .. })));
}

/// A large file is in use before it has been read through, and nothing is written into it once damage was found.
#[test]
fn a_large_file_is_checked_beside_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let file = {
        let store = open(folder.path());
        for number in 0..20 {
            let mut batch = Batch::new(0);
            batch.deliver(key(&format!("f{number}"), 0, "mail"), vec![7; 2 << 20], 0);
            store.commit(batch).unwrap();
        }
        store.file()
    };
    let examined = |store: &Store| {
        let begun = std::time::Instant::now();
        loop {
            match store.examined() {
                Some(verdict) => break verdict,
                None => assert!(begun.elapsed().as_secs() < 120, "it was never over"),
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    let store = open(folder.path());
    store.commit(Batch::new(0)).unwrap();
    examined(&store).unwrap();
    store.close();

    // A page in the middle of the messages, which nobody reads on the way.
    let pages = fs::metadata(&file).unwrap().len() / 4096;
    let page = (pages / 2..pages).find(|page| page % 819 != 1).unwrap();
    overwrite(&file, page * 4096, &[0xa5; 4096]);
    assert!(matches!(
        Store::open(folder.path(), &Options { check: Check::Quick, ..quick() }),
        Err(Error::Corrupt { .. })
    ));
    let store = open(folder.path());
    let damage = examined(&store).unwrap_err();
    assert!(matches!(damage, Error::Corrupt { .. }), "{damage}");
    let refused = store.commit(Batch::new(0)).unwrap_err().error;
    assert!(matches!(&refused, Error::Failed { cause } if **cause == damage), "{refused}");
    store.close();

    // One that is closed at once waits for no check.
    for _ in 0..20 {
        open(folder.path()).close();
    }
}

#[test]
fn a_truncated_file_and_one_of_zeros_are_refused() {
    for damage in ["half", "no database", "zeros"] {
        let folder = tempfile::tempdir().unwrap();
        let file = filled(folder.path());
        let mut bytes = fs::read(&file).unwrap();
        match damage {
            "half" => bytes.truncate(bytes.len() / 2),
            "no database" => bytes = b"To be, or not to be, that is the question. ".repeat(100),
            _ => bytes.fill(0),
        }
        fs::write(&file, &bytes).unwrap();
        let refused = Store::open(folder.path(), &quick()).unwrap_err();
        assert!(matches!(refused, Error::Corrupt { .. }), "{damage}: {refused}");
        assert_eq!(fs::read(&file).unwrap(), bytes, "{damage}: refusing changes nothing");
    }
}

#[test]
fn a_newer_schema_and_a_foreign_database_are_refused_untouched() {
    let newer = format!("PRAGMA user_version = {}", SCHEMA_VERSION + 1);
    let cases = [
        (newer.as_str(), "has schema 4, and this trailhound knows schemas up to 3"),
        ("PRAGMA application_id = 7", "is a database of another program"),
    ];
    for (change, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let file = filled(folder.path());
        Connection::open(&file).unwrap().execute_batch(change).unwrap();
        let before = fs::read(&file).unwrap();
        for refused in [
            Store::open(folder.path(), &quick()).unwrap_err(),
            Reader::open(folder.path()).unwrap_err(),
            restore(&file, &folder.path().join("other")).unwrap_err(),
        ] {
            assert_eq!(refused.to_string(), format!("{} {expected}", file.display()));
        }
        assert_eq!(fs::read(&file).unwrap(), before, "{change}: refusing changes nothing");
    }
}

#[test]
fn a_second_process_is_refused_until_the_first_is_gone() {
    if let Some(folder) = folder_of_other_process() {
        let store = open(&folder);
        println!("open");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return store.close();
    }
    let folder = tempfile::tempdir().unwrap();
    let test = "a_second_process_is_refused_until_the_first_is_gone";
    let mut child = other_process(&std::env::current_exe().unwrap(), test, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let mut stdout = child.stdout.take().unwrap();
    while !said.ends_with(b"open\n") {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1);
        said.push(byte[0]);
    }
    let refused = Store::open(folder.path(), &quick()).unwrap_err();
    assert_eq!(refused, Error::Locked { folder: folder.path().to_owned(), process: Some(child.id()) });
    let expected =
        format!("{} is in use by another trailhound (process {})", folder.path().display(), child.id());
    assert_eq!(refused.to_string(), expected);
    assert!(matches!(restore(folder.path(), folder.path()), Err(Error::Io { .. } | Error::Corrupt { .. })));
    Reader::open(folder.path()).unwrap().snapshot().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    open(folder.path());
}

#[test]
fn another_programs_lock_is_said_to_be_that() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let shell = Connection::open(store.file()).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.commit(large(1)).unwrap_err();
    assert_eq!(refused.error, Error::Busy { file: store.file() });
    shell.execute_batch("ROLLBACK").unwrap();
    store.commit(*refused.work.unwrap()).unwrap();
}

#[test]
fn nothing_to_read_is_said_to_be_that() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        Reader::open(folder.path()).unwrap_err(),
        Error::Missing { path: folder.path().join("state.db") }
    );
    let mut empty = File::create(folder.path().join("state.db")).unwrap();
    empty.write_all(b"").unwrap();
    assert_eq!(
        Reader::open(folder.path()).unwrap_err(),
        Error::Missing { path: folder.path().join("state.db") }
    );
    let store = open(folder.path());
    assert_eq!(
        store.reader().unwrap().snapshot().unwrap().deliveries(DeliveryState::Dead, 0, 1).unwrap(),
        []
    );
}
