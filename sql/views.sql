--
-- What operators look at.
--
DROP EXTENSION harthio CASCADE;
CREATE EXTENSION harthio;

-- nothing has happened yet
SELECT provider, score, band, sessions, breaker, successes, failures, reports, success_rate, connect_ms_p50, score_history
  FROM harthio.provider_stats ORDER BY priority;
SELECT * FROM harthio.session_overview;
SELECT * FROM harthio.asymmetry;

-- two calls: one connects in 800 and 1200 ms and is switched, the other one fails
CREATE TEMP TABLE before AS SELECT * FROM harthio.activity;
SELECT count(harthio_claim_provider('call', p)) FROM unnest(ARRAY['alice', 'bob']) p;
SELECT count(harthio_report_outcome('call', 1, true, ms, participant_id => p)) FROM (VALUES ('alice', 800), ('bob', 1200)) v (p, ms);
SELECT epoch, provider FROM harthio_claim_provider('other', 'carol', '{"net": "p2p-ok"}');
SELECT epoch, provider FROM harthio_report_outcome('other', 1, false, participant_id => 'carol');
SELECT provider, score, band, sessions, breaker, successes, failures, last_failure_at > last_success_at AS failed_last,
       reports, round(success_rate::numeric, 3) AS success_rate, connect_ms_p50, connect_ms_p95
  FROM harthio.provider_stats ORDER BY priority;
SELECT session_id, epoch, provider, reason, scope, switches, participants, opened_at < assigned_at AS moved
  FROM harthio.session_overview ORDER BY session_id;

-- both are confirmed in epoch 1; after a switch the two are apart until both have connected
SELECT * FROM harthio.asymmetry;
SELECT epoch, provider FROM harthio_switch_provider('call', 1);
SELECT * FROM harthio.asymmetry;
SELECT epoch FROM harthio_report_outcome('call', 2, true, 500, participant_id => 'bob');
SELECT session_id, behind, behind_epoch, behind_provider, ahead, ahead_epoch, ahead_provider, lasting >= '0' AS lasting FROM harthio.asymmetry;
SELECT epoch FROM harthio_report_outcome('call', 2, true, 500, participant_id => 'alice');
SELECT * FROM harthio.asymmetry;

-- who has left is not apart from anybody
SELECT epoch, provider FROM harthio_switch_provider('call', 2);
SELECT epoch FROM harthio_report_outcome('call', 3, true, 500, participant_id => 'bob');
SELECT behind, ahead FROM harthio.asymmetry;
SELECT harthio_leave_session('call', 'alice');
SELECT * FROM harthio.asymmetry;

-- an ended session is not among them
SELECT epoch FROM harthio_end_session('call');
SELECT session_id FROM harthio.session_overview;

-- what was counted
SELECT a.claims - b.claims AS claims, a.switches - b.switches AS switches, a.ends - b.ends AS ends,
       a.changes - b.changes AS changes, a.overflows - b.overflows AS overflows, a.ring_size > 0 AS ring_size
  FROM harthio.activity a, before b;
-- the publisher has told of it, or does so in a moment
DO $$
BEGIN
	FOR i IN 1 .. 1000 LOOP
		EXIT WHEN (SELECT ring_depth = 0 AND publisher_lag_ms = 0 FROM harthio.activity);
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT a.ring_depth, a.publisher_lag_ms, a.batches > b.batches AS batches, a.last_batch <= a.largest_batch AS batch,
       a.last_batch_lag_ms >= 0 AS lag, a.last_published_at > now() - interval '1 hour' AS published, a.publisher_pid > 0 AS pid
  FROM harthio.activity a, before b;

-- the last score of each minute is kept
DO $$
BEGIN
	FOR i IN 1 .. 1000 LOOP
		COMMIT;
		EXIT WHEN (SELECT bool_and(score_history -> -1 -> 1 IS NOT DISTINCT FROM to_jsonb(score)) FROM harthio.provider_stats);
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT provider, score, score_history -> -1 -> 1 AS last FROM harthio.provider_stats ORDER BY provider;

-- for members of pg_monitor, and for nobody else
SET ROLE regress_stranger;
SELECT * FROM harthio.provider_stats;
RESET ROLE;
GRANT pg_monitor TO regress_stranger;
SET ROLE regress_stranger;
SELECT count(*) FROM harthio.provider_stats;
SELECT count(*) FROM harthio.session_overview;
SELECT count(*) FROM harthio.asymmetry;
SELECT count(*) FROM harthio.activity;
SELECT count(*) FROM harthio.assignment;
RESET ROLE;
REVOKE pg_monitor FROM regress_stranger;
