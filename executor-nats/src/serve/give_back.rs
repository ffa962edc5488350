//! Jobs that this host has claimed, and has not started, when their submitter wants to cancel them.

use std::rc::Rc;
use std::time::Duration;

use async_nats::jetstream::AckKind;
use async_nats::{Message, Subject};
use bytes::Bytes;
use tokio::task::spawn_local;

use super::engine::Engine;
use crate::protocol::message::decode;
use crate::protocol::names::JobKey;

/// How long a submitter may take to cancel a job that was given back to it, before a host may have the job again.
const CANCEL_TIME: Duration = Duration::from_secs(1);

impl Engine {
    /// A submitter wants a job to stop: by all means, or only if it has not started. Then it waits for an answer.
    pub(super) fn asked_to_stop(self: &Rc<Self>, message: &Message) {
        let Ok(key) = decode::<JobKey>(&message.payload) else { return };
        match &message.reply {
            None => self.stop(key),
            Some(asker) => self.asked_to_give_back(&key, asker.clone()),
        }
    }

    fn asked_to_give_back(self: &Rc<Self>, key: &JobKey, asker: Subject) {
        let canceller = self.running.borrow().get(key).map(|run| run.canceller.clone());
        let is_given_back = match canceller {
            // It has its outcome, or is not here yet.
            None => false,
            // One that is being claimed is given back after that.
            Some(canceller) => canceller.is_none_or(|canceller| canceller.cancel()),
        };
        if let Some(run) = self.running.borrow_mut().get_mut(key).filter(|_| is_given_back) {
            run.is_returned = true;
            return run.askers.push(asker);
        }
        let engine = self.clone();
        spawn_local(async move { engine.answer(vec![asker]).await });
    }

    /// Gives a job back that its submitter is about to cancel.
    pub(super) async fn return_to_askers(&self, reply: Subject, askers: Vec<Subject>) {
        let later = AckKind::Nak(Some(CANCEL_TIME)).into();
        drop(self.streams.context.client().publish(reply, later).await);
        self.answer(askers).await;
    }

    /// Tells submitters that the ledger knows more, or that the job has started.
    pub(super) async fn answer(&self, askers: Vec<Subject>) {
        self.answer_with(askers, Bytes::new()).await;
    }

    /// The same. Of a job in a batch, an `answer` that is not empty says that the job never starts.
    pub(super) async fn answer_with(&self, askers: Vec<Subject>, answer: Bytes) {
        for asker in askers {
            drop(self.streams.context.client().publish(asker, answer.clone()).await);
        }
    }
}
