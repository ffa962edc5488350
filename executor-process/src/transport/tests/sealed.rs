use executor_core::bytes::{InOnePiece, size_hint};

use rustix::fs::{SealFlags, fcntl_add_seals, ftruncate};

use super::*;
use crate::ipc::large_pages::LARGE;
use crate::ipc::shared_memory::{Frozen, is_better_mapped};

#[test]
fn numbers_travel_in_sealed_memory() {
    let (parent, worker) = pair();
    let count: u32 = (LARGE / size_of::<f64>()).try_into().unwrap();
    let arguments: (Vec<f64>,) = ((0..count).map(f64::from).collect(),);
    let is_sealed = |data: &Data| matches!(data, Data::Sealed { .. });
    for _ in 0..3 {
        let job = Codec::Postcard.encode_job(&InOnePiece(&arguments), size_hint(&arguments)).unwrap();
        // A job may be sent again, to another worker.
        for _ in 0..2 {
            let body = parent.pack(&job).unwrap();
            assert_eq!(is_sealed(&body.data), is_better_mapped(LARGE));
            assert!(*worker.open(body).unwrap() == **job.bytes());
        }
        let answered = worker.pack(Answer::Done(encode_result(Codec::Postcard, &arguments, &worker, || {}).unwrap()));
        assert!(matches!(&answered, Answer::Done(body) if is_sealed(&body.data) == is_better_mapped(LARGE)));
        let Ok(Answer::Done(payload)) = parent.unpack(answered) else { panic!("there is a result") };
        assert!(payload.bytes().file().is_none(), "a result uses no descriptor");
        assert!(Codec::Postcard.decode_result::<(Vec<f64>,)>(payload).unwrap() == arguments);
    }
}

#[test]
fn memory_that_could_change_is_no_result() {
    let hostile = Hostile::new();
    let file = shared_memory::file().unwrap();
    shared_memory::write(&file, b"bytes", 0).unwrap();
    let says = |file: &OwnedFd, len| hostile.says(Data::Sealed { len }, hostile.announce(Some((file, None)), 0));
    let error = says(&file, 5);
    assert!(error.contains("its shared memory is not sealed: it could still change"), "{error}");
    let frozen = Frozen::copy_of(b"bytes").unwrap();
    for len in [6, usize::MAX] {
        assert_eq!(says(frozen.file(), len), "its result could not be read (unexpected end of file)");
    }
    let error = hostile.says(Data::Sealed { len: 5 }, None);
    assert_eq!(error, "the shared memory of a result did not arrive");
    let file = shared_memory::file().unwrap();
    ftruncate(&file, 1 << 40).unwrap();
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE).unwrap();
    let error = says(&file, 1 << 40);
    assert!(error.contains("it claims 1099511627776 bytes of shared memory, but holds 0"), "{error}");
}
