//! The formats that a worker and its parent must agree on: messages, the start information, the status page, the crash record, code
//! offsets, limits and the replay file.

pub(crate) mod answer;
pub(crate) mod captured;
pub(crate) mod crash_record;
pub(crate) mod ipc_packet;
pub(crate) mod item_number;
pub(crate) mod item_record;
pub(crate) mod job_context;
pub(crate) mod limits;
pub(crate) mod message;
pub(crate) mod program_image;
pub(crate) mod record;
pub(crate) mod replay_file;
pub(crate) mod start_info;
pub(crate) mod status_page;
