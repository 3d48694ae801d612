//! A Dockerfile's text, cut into instructions: continuations, comments, directives and here-documents.

/// An instruction. Its words are slices of the whole text.
pub(super) struct Instruction<'t> {
    /// Where it begins in the text.
    pub(super) at: usize,
    /// How long its first line is.
    pub(super) length: usize,
    pub(super) words: Vec<&'t str>,
    /// Whether here-documents follow.
    pub(super) heredoc: bool,
}

impl<'t> Instruction<'t> {
    /// Returns its keyword in capitals.
    pub(super) fn keyword(&self) -> String {
        let keyword = self.words.first().copied().unwrap_or_default();
        keyword.to_ascii_uppercase()
    }

    /// Returns the flags before its arguments.
    pub(super) fn flags(&self) -> impl Iterator<Item = &'t str> {
        let words = self.words.iter().copied().skip(1);
        words.take_while(|word| word.starts_with("--"))
    }
}

/// Splits a Dockerfile into instructions.
pub(super) fn instructions(text: &str) -> Vec<Instruction<'_>> {
    let escape = escape(text);
    let mut result: Vec<Instruction<'_>> = Vec::new();
    let mut open = false;
    let mut here: Vec<String> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let line = line.trim_end();
        if let Some(end) = here.first() {
            if line.trim_start_matches('\t') == end {
                here.remove(0);
            }
            continue;
        }
        let trimmed = line.trim_start();
        if trimmed.starts_with('#') || trimmed.is_empty() {
            continue;
        }
        let (content, continued) = match trimmed.strip_suffix(escape) {
            Some(content) => (content, true),
            None => (trimmed, false),
        };
        if !open {
            let at = start + (line.len() - trimmed.len());
            result.push(Instruction {
                at,
                length: trimmed.len(),
                words: Vec::new(),
                heredoc: false,
            });
        }
        if let Some(instruction) = result.last_mut() {
            instruction.words.extend(content.split_whitespace());
            if !continued && ["RUN", "COPY", "ADD"].contains(&instruction.keyword().as_str()) {
                let words = instruction.words.iter();
                here = words.filter_map(|word| heredoc(word)).collect();
                instruction.heredoc = !here.is_empty();
            }
        }
        open = continued;
    }
    result
}

/// Returns the escape character that a directive in the first lines chooses.
fn escape(text: &str) -> char {
    match directive(text, "escape") {
        Some("`") => '`',
        Some(_) | None => '\\',
    }
}

/// Returns what a directive says. Directives count only before anything else (Dockerfile reference, "Parser
/// directives").
pub(super) fn directive<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let directives = text
        .lines()
        .map_while(|line| line.trim().strip_prefix('#')?.split_once('='));
    let mut named = directives.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim())
}

/// Returns the word that ends a here-document which another word begins.
fn heredoc(word: &str) -> Option<String> {
    let (before, end) = word.split_once("<<")?;
    let end = end.trim_start_matches('-').trim_matches(['"', '\'']);
    let fits = before.chars().all(|c| c.is_ascii_digit())
        && !end.is_empty()
        && end.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    fits.then(|| end.to_owned())
}
