//! Which checks there are, of which law, and what an executor must be able to do for them: once, as a macro that hands the table to another
//! one. A line is: what is needed, the module of the tests, the law, the file, the checks.

/// Checks for every executor: its jobs are [`Do`](crate::contract::Do).
#[doc(hidden)]
#[macro_export]
macro_rules! __portable_checks {
    ($then:ident $args:tt) => {
        $crate::$then! { $args portable
            every law_1_outcomes Outcome outcomes {
                each_job_has_its_own_outcome
                each_job_runs_once_and_calls_back_once
                a_panic_is_told_to_the_letter
                a_panic_whose_payload_is_no_text_says_so
                a_panic_costs_its_job_only
                a_dropped_future_detaches
                try_submit_accepts_as_submit_does
                a_job_knows_its_id
                ids_grow
                status_goes_from_queued_over_running_to_done
            }
            every law_2_races Race shutdown_races {
                each_racing_submit_is_accepted_or_refused
                each_racing_submit_is_accepted_or_refused_without_wait
                each_job_accepted_in_a_race_runs_once
                a_shutdown_that_races_the_first_submit_loses_nothing
                racing_cancels_and_a_shutdown_lose_nothing
            }
            every law_3_cancel Cancel cancel {
                a_queued_job_is_cancelled_and_never_runs
                a_running_job_is_not_cancelled
                a_job_that_has_ended_is_not_cancelled
                a_second_cancel_is_as_true_as_the_first
                a_cancelled_job_calls_back_once
                a_cancelled_job_counts_as_done
                a_canceller_cancels_what_somebody_else_waits_for
                a_cancel_that_races_the_start_is_true_iff_the_job_never_runs
                cancels_that_race_each_other_agree
                a_guard_aborts_a_queued_job_when_it_is_dropped
            }
            bounded law_3_places Cancel places {
                a_cancelled_job_leaves_its_place
                as_many_jobs_fit_as_were_cancelled
                the_job_of_a_dropped_guard_leaves_its_place
                cancels_that_race_the_start_take_no_place_along
            }
            every law_7_shutdown_inside ShutdownInside shutdown_inside {
                shutdown_true_in_a_callback_does_not_wait
                a_pool_may_be_dropped_in_a_callback
                a_callback_on_the_cancelling_thread_may_shut_down
                a_callback_on_the_registering_thread_may_shut_down
            }
            every law_8_shutdown Shutdown shutdown {
                shutdown_true_returns_after_the_last_outcome
                shutdown_true_waits_for_a_job_that_runs
                shutdown_true_waits_for_callbacks
                shutdown_false_returns_at_once_and_the_rest_still_runs
                shutdown_true_after_false_waits_for_all
                many_threads_may_shut_down_at_once
                drop_is_shutdown_true
                a_pool_that_had_no_job_shuts_down
                a_job_after_the_shutdown_is_rejected_to_the_letter
                a_refused_job_comes_back
                a_cancelled_job_does_not_hold_the_shutdown_up
            }
            one_worker law_9_order Order order {
                jobs_start_in_submit_order
                queued_jobs_start_in_submit_order
                a_cancel_leaves_the_order_of_the_others
                each_submitter_sees_its_own_order
                order_survives_a_shutdown
            }
            every law_11_callbacks Callbacks futures {
                a_result_comes_in_each_of_the_ways_to_ask
                a_future_that_has_not_ended_comes_back
                a_callback_hears_of_the_outcome_before_and_after_the_end
                a_result_can_be_changed_where_the_job_ends
                wait_until_the_first_is_done
                wait_until_the_first_is_ok_or_an_error
                wait_until_all_are_done
                a_wait_with_a_limit_gives_all_futures_back
                as_completed_gives_the_first_to_end_first
                join_all_keeps_the_order
                try_join_all_stops_at_the_first_error_and_cancels_the_rest
                a_set_grows_while_it_is_drained
                a_set_cancels_what_has_not_started
            }
            delays delays Delays delays {
                a_delayed_job_does_not_start_before_its_time
                a_job_without_delay_runs
                a_long_delay_does_not_hold_a_shorter_one_up
                a_shutdown_waits_for_delayed_jobs
                a_cancelled_delayed_job_does_not_hold_the_shutdown_up
                an_endless_delay_can_be_cancelled
                a_delayed_job_after_the_shutdown_is_rejected
                delayed_jobs_that_race_a_shutdown_are_accepted_or_refused
            }
        }
    };
}

/// Checks for executors that run closures, besides.
#[doc(hidden)]
#[macro_export]
macro_rules! __closure_checks {
    ($then:ident $args:tt) => {
        $crate::$then! { $args closures
            every law_1_progress Outcome progress {
                jobs_behind_a_slow_one_start_while_others_come
            }
            every law_3_captures Cancel captures {
                what_a_cancelled_job_captured_is_gone_when_cancel_returns
                what_a_job_captured_is_gone_when_its_result_is_there
                what_a_refused_job_captured_is_gone
                the_result_of_a_dropped_future_is_dropped
            }
            aborts law_3_aborts Cancel aborts {
                an_aborted_job_is_asked_to_stop
                a_guard_asks_a_running_job_to_stop_when_it_is_dropped
            }
            every law_4_no_locks NoLocks reentrancy {
                a_job_may_use_its_executor
                a_callback_may_use_its_executor
                a_waker_may_use_its_executor
                the_drop_of_a_cancelled_jobs_captures_may_use_the_executor
                the_drop_of_a_refused_job_may_use_the_executor
                the_drop_of_an_unwanted_result_may_use_the_executor
            }
            delays law_4_no_locks_delayed NoLocks reentrancy {
                the_drop_of_a_cancelled_delayed_job_may_use_the_executor
            }
            every law_5_panics Panics panics {
                a_panic_in_a_job
                a_panic_in_a_job_with_its_payload_to_go_on_with
                a_panic_in_the_drop_of_what_a_job_captured
                a_panic_in_the_drop_of_what_a_cancelled_job_captured
                a_panic_in_the_drop_of_a_result_that_nobody_wants
                a_panic_in_the_drop_of_a_panics_payload
                a_panic_in_a_callback
                a_panic_in_a_callback_of_a_cancelled_job
                a_panic_in_a_mapped_result
                a_panic_in_the_drop_of_a_change_that_is_not_called
                a_panic_in_the_conversion_of_a_jobs_own_error
                a_panic_in_a_waker
                a_panic_in_one_item_of_a_chunk_of_a_map
            }
            nested_waits law_6_nested_waits NestedWaits nested_waits {
                recursion_by_futures_ends
                a_queued_job_that_is_waited_for_runs_and_those_before_it_too
            }
            spares law_6_spares NestedWaits nested_waits {
                a_chain_of_a_thousand_waits_ends
                every_way_of_waiting_ends
                a_job_may_wait_for_one_that_runs_elsewhere_and_one_of_another_pool
            }
            every law_7_shutdown_inside_jobs ShutdownInside shutdown_inside {
                shutdown_true_in_a_job_does_not_wait
                jobs_may_shut_down_together
                a_job_that_shuts_down_is_refused_its_next_submit
                a_mapped_result_may_shut_down
                what_two_cancelled_jobs_captured_may_shut_down
            }
            spares law_9_order_of_waits Order progress {
                jobs_start_in_order_though_some_wait
            }
            every law_10_threads WakeUps progress {
                jobs_run_on_no_more_threads_than_there_are_workers
            }
            every law_10_wake_ups WakeUps wakeups {
                one_job_at_a_time
                several_submitters_each_one_job_at_a_time
                bursts
                a_callback_that_races_the_end_runs_once
                an_async_wait_that_races_the_end_is_woken
                a_wait_with_a_limit_ends_with_the_job
                a_set_hears_of_each_end
            }
            delays law_10_wake_ups_delayed WakeUps wakeups {
                delayed_jobs_one_at_a_time
            }
            every law_12_memory Memory memory {
                nothing_is_left_of_jobs_whose_results_were_taken
                nothing_is_left_of_jobs_whose_futures_were_dropped
                nothing_is_left_of_jobs_that_were_cancelled_behind_others
                nothing_is_left_of_callbacks
            }
            every maps Maps maps {
                results_come_in_the_order_of_the_items
                a_panic_costs_one_item
                a_panic_of_the_input_comes_after_the_results_before_it
                nothing_is_taken_before_the_first_next
                an_endless_input_is_fine
                no_more_than_the_buffer_is_in_flight
                chunks_change_nothing_but_the_number_of_jobs
                an_unordered_map_gives_each_item_once_with_its_index
                a_dropped_map_cancels_what_has_not_started
                a_map_knows_its_length
                an_empty_map_is_empty
            }
            every handles Handles handles {
                jobs_are_rejected_when_the_executor_is_gone
                a_map_over_a_handle_is_rejected_item_by_item
                a_shutdown_by_an_orphan_returns
                a_handle_shuts_its_executor_down
                a_map_outlives_its_executor_and_gets_what_was_accepted
                submits_by_a_handle_that_race_the_drop_are_accepted_or_refused
            }
        }
    };
}

pub(super) use {__closure_checks, __portable_checks};
