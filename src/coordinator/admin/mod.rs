//! The requests of administrators about whole groups, of any type. DeleteGroups removes a group
//! with its offsets, see [`super::runtime::removal`].

pub(crate) mod delete_groups;
pub(crate) mod describe_groups;
pub(crate) mod list_groups;
