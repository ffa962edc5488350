//! The pages of `docs/`, and the README's code, which are compiled and run.
//!
//! A page ends with the targets of its links in the repository. `rustdoc_links.md` stands before each page: where a label is
//! defined twice, the first definition counts.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_pictures.md"))]
#[doc = include_str!("../docs/GUIDE.md")]
pub mod guide {}

#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_pictures.md"))]
#[doc = include_str!("../docs/CHOOSING.md")]
pub mod choosing {}

#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[doc = include_str!("../docs/WEB_SERVICES.md")]
pub mod web_services {}

#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[doc = include_str!("../docs/DATA.md")]
pub mod data {}

#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[doc = include_str!("../docs/COOKBOOK.md")]
pub mod cookbook {}

#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_pictures.md"))]
#[doc = include_str!("../docs/TESTING_SHUTDOWN.md")]
pub mod testing_shutdown {}

#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[doc = include_str!("../docs/PLATFORMS.md")]
pub mod platforms {}

#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[doc = include_str!("../SECURITY.md")]
pub mod security {}

#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[doc = include_str!("../docs/PERFORMANCE.md")]
pub mod performance {}

// Its code is compiled by the tests of `executor-nats`, on which this crate does not depend.
#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[cfg_attr(not(doctest), doc = include_str!("../docs/MANY_MACHINES.md"))]
pub mod many_machines {}

#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[doc = include_str!("../docs/TASKS.md")]
pub mod tasks {}

#[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
#[doc = include_str!("../docs/FROM_PYTHON.md")]
pub mod from_python {
    #[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
    #[doc = include_str!("../docs/from_python/asyncio.md")]
    pub mod asyncio {}

    #[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
    #[doc = include_str!("../docs/from_python/concurrent_futures.md")]
    pub mod concurrent_futures {}

    #[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
    #[doc = include_str!("../docs/from_python/data_tools.md")]
    pub mod data_tools {}

    #[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
    #[doc = include_str!("../docs/from_python/multiprocessing.md")]
    pub mod multiprocessing {}

    #[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
    #[doc = include_str!("../docs/from_python/multiprocessing_channels.md")]
    pub mod multiprocessing_channels {}

    #[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
    #[doc = include_str!("../docs/from_python/multiprocessing_managers.md")]
    pub mod multiprocessing_managers {}

    #[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
    #[doc = include_str!("../docs/from_python/queue.md")]
    pub mod queue {}

    #[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
    #[doc = include_str!("../docs/from_python/socket.md")]
    pub mod socket {}

    #[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
    #[doc = include_str!("../docs/from_python/socketserver.md")]
    pub mod socketserver {}

    #[cfg_attr(not(doctest), doc = include_str!("../docs/rustdoc_links.md"))]
    #[doc = include_str!("../docs/from_python/threading.md")]
    pub mod threading {}
}
