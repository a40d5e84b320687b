//! A program of this machine: what it gets, how it may end, and that nothing of it is left.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use targets::{Command, CommandSettings, DeliveryError, Format, Secret, SetupError, Shape, Template};

use crate::counterpart::{HOSTILE, STOP_LOGGING, deliver};

fn settings(script: &str) -> CommandSettings {
    CommandSettings {
        argv: ["/bin/sh", "-c", script, "sh", "an argument; $(touch never)"].map(str::to_owned).into(),
        environment: BTreeMap::from([("API_TOKEN".to_owned(), Secret::new("t0ken-5ecret"))]),
        folder: None,
        timeout: Duration::from_secs(20),
        shape: Shape::default(),
    }
}

fn command(script: &str) -> Command {
    Command::new(settings(script)).unwrap()
}

#[tokio::test]
async fn a_program_reads_the_finding_and_knows_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let script = "/bin/cat > finding; /usr/bin/env > environment; printf %s \"$1\" > argument; echo stored";
    let settings = CommandSettings { folder: Some(folder.path().to_owned()), ..settings(script) };
    for finding in [STOP_LOGGING, HOSTILE] {
        let receipt = deliver(&Command::new(settings.clone()).unwrap(), finding).await.unwrap();
        assert_eq!(receipt.text, "exit code 0: stored");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let (got, sent): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(&read("finding")).unwrap(), serde_json::from_str(finding).unwrap());
        assert_eq!(got, sent);
        assert_eq!(
            read("argument"),
            "an argument; $(touch never)",
            "no shell but the one that was asked for"
        );
        let environment = read("environment");
        let mut names: Vec<&str> = environment.lines().filter_map(|line| line.split('=').next()).collect();
        names.retain(|name| !["PWD", "SHLVL", "_", "OLDPWD"].contains(name));
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "API_TOKEN",
                "TRAILHOUND_FINDING",
                "TRAILHOUND_KEY",
                "TRAILHOUND_RULE",
                "TRAILHOUND_SEVERITY",
                "TRAILHOUND_STATE"
            ]
        );
        assert!(!Path::new("/never").exists());
    }
}

#[tokio::test]
async fn a_template_shapes_what_it_reads() {
    let template = Template::parse("{{ detail.severity }}: {{ message.headline }}", Format::Text).unwrap();
    let settings = CommandSettings { shape: Shape::Template(template), ..settings("/bin/cat") };
    let receipt = deliver(&Command::new(settings).unwrap(), STOP_LOGGING).await.unwrap();
    assert_eq!(receipt.text, "exit code 0: critical: [critical] CloudTrail main stopped in payments-prod");
}

#[tokio::test]
async fn how_it_ends_decides() {
    let permanent = |reason: &str| DeliveryError::Permanent { reason: reason.to_owned() };
    let again = |reason: &str| DeliveryError::Retryable { reason: reason.to_owned(), retry_after: None };
    for (script, expected) in [
        ("exit 1", again("exit code 1")),
        ("echo out; echo broken >&2; exit 75", again("exit code 75: broken")),
        ("echo no >&2; exit 65", permanent("exit code 65: no")),
        ("exit 78", permanent("exit code 78")),
        ("kill -9 $$", again("ended by a signal")),
        ("echo \"with $API_TOKEN\" >&2; exit 1", again("exit code 1: with [secret]")),
    ] {
        assert_eq!(deliver(&command(script), STOP_LOGGING).await.unwrap_err(), expected, "{script}");
    }
    let missing = CommandSettings { argv: vec!["/no/such/program".to_owned()], ..settings("") };
    let error = deliver(&Command::new(missing).unwrap(), STOP_LOGGING).await.unwrap_err();
    assert!(error.to_string().starts_with("could not start the program: "), "{error}");
}

#[tokio::test]
async fn output_is_bounded_and_does_not_hold_the_program_up() {
    let script = "i=0; while [ $i -lt 20000 ]; do echo 'a line of output that nobody reads to its end'; i=$((i+1)); done; exit 3";
    let error = deliver(&command(script), STOP_LOGGING).await.unwrap_err();
    assert!(error.to_string().len() < 300, "{error}");
    let receipt = deliver(&command("exec 0<&-; exit 0"), STOP_LOGGING).await.unwrap();
    assert_eq!(receipt.text, "exit code 0", "it need not read");
}

#[tokio::test]
async fn its_time_is_bounded_and_nothing_of_it_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let script = "/bin/sleep 60 & echo $! > child; echo $$ > leader; wait";
    let settings = CommandSettings {
        folder: Some(folder.path().to_owned()),
        timeout: Duration::from_millis(700),
        ..settings(script)
    };
    let error = deliver(&Command::new(settings).unwrap(), STOP_LOGGING).await.unwrap_err();
    assert_eq!(error.to_string(), "the program was not done within 0.7 s");
    for name in ["child", "leader"] {
        let id = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let state =
            |id: &str| std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
        let gone = async {
            // Whoever inherits it may take a moment to bury it.
            while !(state(&id).is_empty() || state(&id).contains(") Z ")) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    }
}

#[test]
fn settings_that_will_not_do() {
    let with = |change: &dyn Fn(&mut CommandSettings)| {
        let mut settings = settings("");
        change(&mut settings);
        settings.check()
    };
    assert_eq!(with(&|s| s.argv.clear()), Err(SetupError::Program));
    assert_eq!(with(&|s| s.argv = vec!["sh".to_owned()]), Err(SetupError::Program));
    for name in ["", "A=B", "A B", "TRAILHOUND_KEY"] {
        let broken = with(&|s| s.environment = BTreeMap::from([(name.to_owned(), Secret::new("x"))]));
        assert_eq!(broken, Err(SetupError::Variable(name.to_owned())));
    }
}
