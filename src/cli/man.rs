//! `longshore man`

use clap::CommandFactory;

use super::args::Cli;
use super::context::Context;
use super::failure::Failure;
use crate::domain::failure::Kind;

/// Prints the manual page: one for the program with a section for every command.
///
/// # Errors
///
/// Only if the page cannot be rendered in memory, which would be a bug.
pub fn run(context: &Context) -> Result<(), Failure> {
    let bug = |_| Failure::new(Kind::Bug, "the manual page could not be rendered");
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .map_err(bug)?;
    for sub in command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
    {
        let name = sub.get_name().to_owned();
        page.extend_from_slice(format!(".SH \"LONGSHORE {}\"\n", name.to_uppercase()).as_bytes());
        let man = clap_mangen::Man::new(sub.clone());
        man.render_synopsis_section(&mut page).map_err(bug)?;
        man.render_description_section(&mut page).map_err(bug)?;
        man.render_options_section(&mut page).map_err(bug)?;
    }
    context.output.result(String::from_utf8_lossy(&page));
    Ok(())
}
