//! The files as written, with positions; one importer per format.
