//! A runner of workflows: as much of GitHub's as the recipes of the guide use. It makes the commands, and keeps caches and
//! artifacts as directories; what it does not know is a panic.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::{Map, Value};

/// What stands for cargo: the test and the program are built already.
const CARGO: &str = "#!/bin/sh\n\
    case \"$1 $2 $3\" in\n\
    'test --locked '*) exec \"$PWD/target/debug/deps/harness\" --ignored --exact \"$TEST\" ;;\n\
    'install --locked lossproof') exec test -x \"$(command -v lossproof)\" ;;\n\
    *) echo \"the shim does not know: cargo $*\" >&2; exit 64 ;;\n\
    esac\n";

/// Where workflows run: their computers, caches and artifacts.
pub(crate) struct Runner {
    root: PathBuf,
    /// The test that `cargo test` runs.
    test: &'static str,
    /// What else stands in the environment.
    pub(crate) environment: Vec<(&'static str, &'static str)>,
    computers: usize,
}

/// How a job ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The computer's directory.
    pub(crate) directory: PathBuf,
    /// What all its commands printed.
    pub(crate) log: String,
    pub(crate) is_failed: bool,
}

impl Runner {
    pub(crate) fn new(name: &str, test: &'static str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recipes").join(name);
        let _ = fs::remove_dir_all(&root);
        for directory in ["bin", "cache", "artifacts"] {
            fs::create_dir_all(root.join(directory)).expect("a directory can be made");
        }
        let cargo = root.join("bin/cargo");
        fs::write(&cargo, CARGO).expect("it can be written");
        let runner = Self { root, test, environment: Vec::new(), computers: 0 };
        assert!(runner.shell(&runner.root, "chmod +x bin/cargo", &[]).status.success());
        runner
    }

    /// A new computer, with a checkout of the package whose tests are built.
    pub(crate) fn computer(&mut self) -> PathBuf {
        self.computers += 1;
        let directory = self.root.join(format!("computer-{}", self.computers));
        let deps = directory.join("target/debug/deps");
        fs::create_dir_all(&deps).expect("a directory can be made");
        let binary = std::env::current_exe().expect("a test knows its binary");
        // A test finds `target` by the path of its binary, which a symbolic link would not change.
        fs::hard_link(binary, deps.join("harness")).expect("it is in the same file system");
        directory
    }

    /// What a shell does with a script, on one of the computers.
    pub(crate) fn shell(&self, directory: &Path, script: &str, variables: &[(String, String)]) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_lossproof")).parent().expect("it is in a directory");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{path}", self.root.join("bin").display(), program.display());
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", script]).current_dir(directory).env("PATH", path).env("TEST", self.test);
        shell.env("CARGO_MANIFEST_DIR", directory).env("RUST_BACKTRACE", "0").env_remove("GITHUB_ACTIONS");
        shell.envs(self.environment.iter().copied()).envs(variables.iter().cloned());
        shell.output().expect("there is a shell")
    }

    /// Makes all steps of a job. Its expressions are replaced by what they stand for.
    pub(crate) fn job(&mut self, job: &Value, expressions: &[(&str, String)]) -> Ended {
        let text = |value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let replace =
                |text: String, (name, by): &(&str, String)| text.replace(&format!("${{{{ {name} }}}}"), by);
            let text = expressions.iter().fold(text, replace);
            assert!(!text.contains("${{"), "an expression is unknown: {text}");
            text
        };
        let environment = job["env"].as_object().into_iter().flatten();
        let mut variables: Vec<(String, String)> =
            environment.map(|(name, value)| (name.clone(), text(value))).collect();
        variables.push(("GITHUB_ACTIONS".to_owned(), "true".to_owned()));
        let mut ended = Ended { directory: self.computer(), log: String::new(), is_failed: false };
        for step in job["steps"].as_array().expect("a job has steps") {
            let is_due = match step["if"].as_str() {
                None => !ended.is_failed,
                Some("failure()") => ended.is_failed,
                Some("${{ !cancelled() }}") => true,
                Some(other) => panic!("the runner does not know 'if: {other}'"),
            };
            if !is_due {
                continue;
            }
            if let Some(action) = step["uses"].as_str() {
                let inputs = step["with"].as_object().into_iter().flatten();
                let inputs: Map<_, _> =
                    inputs.map(|(name, value)| (name.clone(), text(value).into())).collect();
                self.action(action, &inputs.into(), &ended.directory);
            } else {
                let output = self.shell(&ended.directory, &text(&step["run"]), &variables);
                ended.log += &String::from_utf8_lossy(&output.stdout);
                ended.log += &String::from_utf8_lossy(&output.stderr);
                ended.is_failed |= !output.status.success();
            }
        }
        ended
    }

    /// What an action does with these inputs.
    fn action(&self, action: &str, inputs: &Value, computer: &Path) {
        let input = |name: &str| inputs[name].as_str().unwrap_or_else(|| panic!("{action} has no {name}"));
        let (cache, artifacts) = (self.root.join("cache"), self.root.join("artifacts"));
        let (action, version) = action.split_once('@').expect("an action has a version");
        assert!(version.starts_with('v'), "{action}@{version}");
        match action {
            "actions/checkout" => {}
            // The newest whose key begins so: keys end in the number of the workflow's run.
            "actions/cache/restore" => {
                let newest = names(&cache).into_iter().rfind(|key| key.starts_with(input("restore-keys")));
                if let Some(key) = newest {
                    self.copy(input("path"), &cache.join(key), computer);
                }
            }
            "actions/cache/save" => self.copy(input("path"), computer, &cache.join(input("key"))),
            "actions/upload-artifact" => {
                let artifact = artifacts.join(input("name"));
                let _ = fs::remove_dir_all(&artifact);
                input("path").lines().for_each(|path| self.copy(path, computer, &artifact));
            }
            "actions/download-artifact" => {
                assert_eq!(input("merge-multiple"), "true");
                let begin = input("pattern").strip_suffix('*').expect("the pattern ends in a star");
                let found = names(&artifacts).into_iter().filter(|name| name.starts_with(begin));
                found.for_each(|name| self.copy(".", &artifacts.join(name), computer));
            }
            other => panic!("the runner does not know {other}"),
        }
    }

    /// Copies what a pattern names, if it is there, from one directory to another.
    fn copy(&self, pattern: &str, from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("a directory can be made");
        let script =
            format!("ls -d {pattern} >/dev/null 2>&1 || exit 0; tar -cf - {pattern} | tar -xf - -C \"$TO\"");
        let output = self.shell(from, &script, &[("TO".to_owned(), to.display().to_string())]);
        assert!(output.status.success(), "{pattern}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The files of a cache or of an artifact, by their paths in it.
    pub(crate) fn kept(&self, kind: &str, name: &str) -> Vec<String> {
        let output = self.shell(&self.root.join(kind).join(name), "find . -type f | sort", &[]);
        String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
    }

    /// The names of all caches or artifacts.
    pub(crate) fn names(&self, kind: &str) -> Vec<String> {
        names(&self.root.join(kind))
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("it is there");
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<String> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.sort();
    names
}

/// A text of YAML, as JSON.
pub(crate) fn read(text: &str) -> Value {
    let documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let [document] = &documents[..] else { panic!("one document, not {}", documents.len()) };
    json(document)
}

fn json(yaml: &Yaml<'_>) -> Value {
    if let Some(mapping) = yaml.as_mapping() {
        let key =
            |key: &Yaml<'_>| key.as_str().unwrap_or_else(|| panic!("a key is a text: {key:?}")).to_owned();
        return mapping.iter().map(|(name, value)| (key(name), json(value))).collect::<Map<_, _>>().into();
    }
    let scalar = yaml.as_str().map(Value::from).or_else(|| yaml.as_integer().map(Value::from));
    let scalar = scalar.or_else(|| yaml.as_bool().map(Value::from));
    scalar.unwrap_or_else(|| yaml.as_vec().map(|list| list.iter().map(json).collect()).unwrap_or_default())
}
