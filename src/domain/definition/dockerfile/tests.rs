use super::super::place::At;
use super::*;

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn found(
    text: &str,
    args: &[(&str, &str)],
    contexts: &[&str],
    target: Option<&str>,
) -> (Vec<Base>, Vec<Problem>) {
    let (path, text) = ("Dockerfile".to_owned(), text.to_owned());
    let args = args
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let outside = Outside {
        args: &args,
        contexts: &names(contexts),
    };
    let at = At::from(Place::file("compose.yaml"));
    let target = target.map(|target| Spanned::new(target.to_owned(), at));
    let mut problems = Vec::new();
    let source = Arc::new(Source { path, text });
    let found = bases(&source, outside, target.as_ref(), &mut problems);
    (found, problems)
}

fn of(text: &str, args: &[(&str, &str)], target: Option<&str>) -> (Vec<String>, Vec<Problem>) {
    let (found, problems) = found(text, args, &[], target);
    let images = found.into_iter().map(|base| match base {
        Base::Image(image) => image,
        Base::Context(name) => panic!("{name} is no image"),
    });
    (images.collect(), problems)
}

/// Says bases in short, contexts with a `+`.
fn with_contexts(text: &str, contexts: &[&str], target: Option<&str>) -> Vec<String> {
    let (found, problems) = found(text, &[], contexts, target);
    assert_eq!(problems, Vec::new());
    found.iter().map(short).collect()
}

fn short(base: &Base) -> String {
    match base {
        Base::Image(image) => image.clone(),
        Base::Context(name) => format!("+{name}"),
    }
}

#[test]
fn finds_what_the_stages_come_from() {
    let text = "# comment\nARG TAG=17\nARG BASE=debian:${TAG}\n\
        FROM --platform=$BUILDPLATFORM golang:1 AS Build\nRUN <<EOF\nFROM nothing\nEOF\n\
        FROM never AS unused\nFROM $BASE\nCOPY --from=build /a /a\nCOPY --from=tools:2 \\\n  /b /b\n\
        RUN --mount=type=bind,from=cache:1,target=/c true\n";
    let (found, problems) = of(text, &[("TAG", "18")], None);
    assert_eq!(found, ["golang:1", "debian:18", "tools:2", "cache:1"]);
    assert_eq!(problems, Vec::new());
    assert_eq!(of(text, &[], Some("build")).0, ["golang:1"]);
    assert_eq!(of(text, &[], Some("unused")).0, ["never"]);
    assert_eq!(of("FROM scratch\n", &[], None).0, Vec::<String>::new());
    assert_eq!(
        of("ARG A=$NONE\nARG B=b\nFROM $B\n", &[], None),
        (vec!["b".to_owned()], Vec::new())
    );
    assert_eq!(of("from a as b\nfrom b\n", &[], None).0, ["a"]);
}

#[test]
fn says_what_cannot_be_known() {
    for (text, target, code) in [
        ("", None, "dockerfile"),
        ("FROM ${BASE}\n", None, "build-argument"),
        ("ARG BASE=\nFROM ${BASE}\n", None, "dockerfile"),
        ("FROM base-${TARGETARCH}\n", None, "platform-base"),
        ("FROM a AS build\n", Some("biuld"), "unknown-stage"),
    ] {
        let (_, problems) = of(text, &[], target);
        assert_eq!(
            problems
                .iter()
                .map(|problem| problem.code)
                .collect::<Vec<_>>(),
            [code],
            "{text}"
        );
    }
}

#[test]
fn pins_what_comes_from_elsewhere_and_nothing_else() {
    let text = "ARG V=17\nFROM --platform=x debian AS debian\nRUN echo debian\nFROM \"postgres:${V}\"\nCOPY --from=debian / /\nCOPY --from=acme/a:1 a \\\n  b\nRUN --mount=type=bind,from=base,target=/x debian base --from=base\nFROM scratch\n";
    let pins = ["debian", "postgres:17", "acme/a:1", "base"];
    let pin = |base: &Base| match base {
        Base::Image(image) => pins.contains(&image.as_str()).then(|| format!("<{image}>")),
        Base::Context(_) => None,
    };
    let expected = "ARG V=17\nFROM --platform=x <debian> AS debian\nRUN echo debian\nFROM <postgres:17>\nCOPY --from=debian / /\nCOPY --from=<acme/a:1> a \\\n  b\nRUN --mount=type=bind,from=<base>,target=/x debian base --from=base\nFROM scratch\n";
    let none = BTreeSet::new();
    let outside = |args| Outside {
        args,
        contexts: &none,
    };
    let empty = BTreeMap::new();
    assert_eq!(pinned(text, outside(&empty), pin), expected);
    let args = BTreeMap::from([("V".to_owned(), "16".to_owned())]);
    let none = pinned(text, outside(&args), |base| {
        (short(base) == "postgres:16").then(String::new)
    });
    assert!(none.contains("FROM \nCOPY"), "{none}");
}

#[test]
fn what_a_program_is_told_is_no_base() {
    assert_eq!(of("FROM a\nRUN tool --from=b\n", &[], None).0, ["a"]);
}

#[test]
fn a_context_goes_before_an_image_and_after_a_stage() {
    let text = "FROM docker.io/library/alpine:latest AS one\nFROM b\nCOPY --from=one / /\nCOPY --from=Files / /\nRUN --mount=from=tools,target=/t x\n";
    assert_eq!(
        with_contexts(text, &["alpine", "files", "tools", "unused"], None),
        ["+alpine", "b", "+files", "+tools"]
    );
    // A context of a stage's name replaces the stage, and what only the stage needs is not needed.
    assert_eq!(
        with_contexts(text, &["one"], None),
        ["+one", "b", "Files", "tools"]
    );
    assert_eq!(with_contexts(text, &["one"], Some("one")), ["+one"]);
    assert_eq!(
        with_contexts("FROM scratch\n", &["scratch"], None),
        ["+scratch"]
    );
}

#[test]
fn a_replaced_stage_is_its_context() {
    let text =
        "FROM a AS One\nRUN make \\\n  all\nFROM b\nCOPY --from=one /x /x\nCOPY --from=files / /\n";
    let outside = Outside {
        args: &BTreeMap::new(),
        contexts: &names(&["one", "files"]),
    };
    let pin = |base: &Base| (short(base) != "b").then(|| format!("<{}>", short(base)));
    assert_eq!(
        pinned(text, outside, pin),
        "FROM <+one> AS one\nFROM b\nCOPY --from=one /x /x\nCOPY --from=<+files> / /\n"
    );
}
