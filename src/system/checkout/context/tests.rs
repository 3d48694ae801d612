use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};

use futures_util::StreamExt;

use super::*;

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn build(context: &str, dockerfile: &str) -> Build {
    Build {
        context: context.into(),
        dockerfile: dockerfile.into(),
        ..Build::default()
    }
}

fn context(folder: &tempfile::TempDir) -> Context {
    let checkout = Checkout::open(folder.path()).unwrap();
    checkout.context(&build("app", "app/Dockerfile")).unwrap()
}

fn paths(context: &Context) -> Vec<&str> {
    let paths = context
        .entries
        .0
        .iter()
        .map(|entry| entry.path.to_str().unwrap());
    paths.collect()
}

const APP: [(&str, &str); 3] = [
    ("app/Dockerfile", "FROM x"),
    ("app/a/b", "1"),
    ("other", "2"),
];

#[test]
fn the_same_tree_elsewhere_at_another_time_is_the_same() {
    let one = tree(&APP);
    let two = tree(&APP);
    let file = fs::File::options()
        .write(true)
        .open(two.path().join("app/a/b"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(two.path().join("app/a/b"), private).unwrap();
    assert_eq!(
        context(&one).entries.digest(),
        context(&two).entries.digest()
    );
}

#[test]
fn content_name_kind_and_execution_decide() {
    let folder = tree(&APP);
    let file = folder.path().join("app/a/b");
    let mut seen = vec![context(&folder).entries.digest()];
    let mut differs = || {
        let digest = context(&folder).entries.digest();
        assert!(!seen.contains(&digest));
        seen.push(digest);
    };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    differs();
    fs::write(&file, "2").unwrap();
    differs();
    fs::rename(&file, folder.path().join("app/a/c")).unwrap();
    differs();
    symlink("c", &file).unwrap();
    differs();
    fs::create_dir(folder.path().join("app/empty")).unwrap();
    differs();
    fs::write(folder.path().join("other"), "3").unwrap();
    assert_eq!(context(&folder).entries.digest(), *seen.last().unwrap());
}

#[test]
fn what_is_ignored_is_neither_hashed_nor_sent() {
    let folder = tree(&[
        ("app/Dockerfile", "FROM x"),
        ("app/.dockerignore", "*\n!keep/**/x\n!Dockerfile"),
        ("app/keep/deep/x", "1"),
        ("app/keep/deep/y", "1"),
        ("app/drop/x", "1"),
    ]);
    assert_eq!(
        paths(&context(&folder)),
        ["Dockerfile", "keep", "keep/deep", "keep/deep/x"]
    );
}

#[tokio::test]
async fn the_dockerfile_is_sent_even_if_it_is_ignored_or_elsewhere() {
    let folder = tree(&[
        ("app/Dockerfile", "FROM x"),
        ("app/.dockerignore", "Dockerfile"),
        ("docker/Other", "FROM y"),
    ]);
    let checkout = Checkout::open(folder.path()).unwrap();
    for (dockerfile, text) in [("app/Dockerfile", "FROM x"), ("docker/Other", "FROM y")] {
        let context = checkout.context(&build("app", dockerfile)).unwrap();
        let sent = receive(context.stream(context.dockerfile_text.clone()))
            .await
            .unwrap();
        assert_eq!(sent[Path::new(OUTSIDE)], text, "{dockerfile}");
    }
    let plain = tree(&APP);
    let sent = receive(context(&plain).stream("FROM x".to_owned()))
        .await
        .unwrap();
    assert_eq!(sent[Path::new("Dockerfile")], "FROM x");
    assert!(!sent.contains_key(Path::new(OUTSIDE)));
}

#[tokio::test]
async fn what_changed_since_it_was_hashed_is_not_sent() {
    for other in ["22", "", "1\n2"] {
        let folder = tree(&[("app/Dockerfile", "FROM x"), ("app/a", "11")]);
        let context = context(&folder);
        fs::write(folder.path().join("app/a"), other).unwrap();
        let error = receive(context.stream(context.dockerfile_text.clone()))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("changed while"), "{error}");
    }
}

#[tokio::test]
async fn a_large_file_goes_through_in_chunks() {
    let text = "x".repeat(3_000_000);
    let folder = tree(&[("app/Dockerfile", "FROM x"), ("app/large", &text)]);
    let sent = receive(context(&folder).stream(String::new()))
        .await
        .unwrap();
    assert_eq!(sent[Path::new("large")], text);
}

async fn receive(mut stream: TarStream) -> std::io::Result<BTreeMap<PathBuf, String>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut files = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let header = entry.header();
        assert_eq!((header.mtime()?, header.uid()?, header.gid()?), (0, 0, 0));
        let mut text = String::new();
        entry.read_to_string(&mut text)?;
        files.insert(entry.path()?.into_owned(), text);
    }
    Ok(files)
}

#[test]
fn a_context_or_dockerfile_outside_the_repository_is_refused() {
    let folder = tree(&APP);
    symlink("/etc", folder.path().join("link")).unwrap();
    let checkout = Checkout::open(folder.path()).unwrap();
    for build in [
        build("..", "app/Dockerfile"),
        build("link", "app/Dockerfile"),
        build("app", "link/passwd"),
    ] {
        let error = checkout.context(&build).unwrap_err();
        assert!(matches!(error, CheckoutError::Escapes { .. }), "{error}");
    }
}

#[test]
fn a_dockerfile_in_the_definition_is_sent_beside_the_context() {
    let folder = tree(&[
        ("app/Dockerfile", "FROM x"),
        ("app/.dockerignore", "a"),
        ("app/a", "1"),
        ("Dockerfile.dockerignore", "*"),
    ]);
    let inline = Build {
        inline: Some("FROM inline".to_owned()),
        ..build("app", "")
    };
    let context = Checkout::open(folder.path())
        .unwrap()
        .context(&inline)
        .unwrap();
    assert_eq!(paths(&context), [".dockerignore", "Dockerfile"]);
    assert_eq!(context.dockerfile, Path::new(OUTSIDE));
    assert_eq!(context.dockerfile_text, "FROM inline");
}

#[test]
fn named_contexts_that_are_used_are_hashed_too() {
    let folder = tree(&[
        ("app/Dockerfile", "FROM x"),
        ("files/.dockerignore", "out"),
        ("files/in", "1"),
        ("files/out", "1"),
        ("unused/x", "1"),
    ]);
    let named = |path: &str| NamedContext::Folder(path.into());
    let contexts = [("files", named("files")), ("unused", named("gone"))];
    let build = Build {
        contexts: contexts
            .map(|(name, context)| (name.to_owned(), context))
            .into(),
        used_contexts: ["files".to_owned()].into(),
        ..build("app", "app/Dockerfile")
    };
    let context = Checkout::open(folder.path())
        .unwrap()
        .context(&build)
        .unwrap();
    let names: Vec<_> = context.folders["files"]
        .0
        .iter()
        .map(|entry| entry.path.to_str().unwrap())
        .collect();
    assert_eq!(names, [".dockerignore", "in"]);
    assert_eq!(context.folders.len(), 1);
}
