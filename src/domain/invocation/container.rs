//! What is asked of a host's engine beside `switch`: bringing an image, reaching a container.

use super::Invocation;
use crate::domain::ledger::ImageIdentity;
use crate::domain::name::ServiceName;
use crate::domain::unit::UnitName;

/// The engine's client, where CoreOS and its kin have it.
const DOCKER: &str = "/usr/bin/docker";

/// Exit code of [`pull`] when the image that came is not the one that was tested.
pub const OTHER_IMAGE: i32 = 65;

/// Pulls an image by its manifest's digest, and names it as units do if it is the tested one. The name it was pulled by
/// is taken back: the port in it means nothing afterwards.
#[must_use]
pub fn pull(from: &str, service: &ServiceName, image: &ImageIdentity) -> Invocation {
    let script = format!(
        "{DOCKER} pull -q \"$1\" >&2 || exit; \
         id=$({DOCKER} image inspect -f '{{{{.Id}}}}' \"$1\") || exit; \
         if [ \"$id\" != \"$3\" ]; then {DOCKER} rmi \"$1\" >&2; echo \"$id\"; exit {OTHER_IMAGE}; fi; \
         {DOCKER} tag \"$1\" \"$2\" && {DOCKER} rmi \"$1\" >/dev/null"
    );
    let [to, config] = [image.reference(service), image.config.to_string()];
    Invocation::new(["/bin/sh", "-c", &script, "sh", from, &to, &config])
}

/// Asks for the first address that the host reaches a container at.
#[must_use]
pub fn address(container: &str) -> Invocation {
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
    Invocation::new([DOCKER, "container", "inspect", "-f", format, container])
}

/// Asks for the last lines that a unit wrote to the journal.
#[must_use]
pub fn last_lines(unit: &UnitName) -> Invocation {
    let unit = format!("--unit={unit}");
    Invocation::new([
        "/usr/bin/journalctl",
        "--no-pager",
        "--quiet",
        "--output=cat",
        "--lines=20",
        &unit,
    ])
}

/// Runs a command in a container.
#[must_use]
pub fn exec(container: &str, command: &[String]) -> Invocation {
    let words = [DOCKER, "exec", container].map(str::to_owned).into_iter();
    Invocation::new(words.chain(command.iter().cloned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::name::Digest;

    #[test]
    fn nothing_of_an_image_is_read_as_shell() {
        let image = ImageIdentity {
            config: Digest::of(""),
            layers: Vec::new(),
        };
        let pull = pull(
            "127.0.0.1:5000/api@sha256:0",
            &"API".parse().unwrap(),
            &image,
        );
        assert_eq!(pull.argv[4], "127.0.0.1:5000/api@sha256:0");
        assert_eq!(
            pull.argv[5],
            format!("longshore.local/api:{}", Digest::of("").hex())
        );
        assert!(
            !pull.argv[2].contains("5000"),
            "values are arguments, never script"
        );
    }

    #[test]
    fn a_command_keeps_its_words() {
        let exec = exec(
            "shop-lab-db-1",
            &["pg_isready".to_owned(), "-U $x".to_owned()],
        );
        assert_eq!(
            exec.shell_line(),
            "/usr/bin/docker exec shop-lab-db-1 pg_isready '-U $x'"
        );
    }
}
