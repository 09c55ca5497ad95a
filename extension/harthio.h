/*-------------------------------------------------------------------------
 *
 * harthio.h
 *	  What the files of the extension share: limits, settings, readiness.
 *
 * The words (session, participant, provider, assignment, epoch, outcome,
 * verdict, state, generation, version) are defined in docs/architecture.md.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_H
#define HARTHIO_H

#include "datatype/timestamp.h"
#include "fmgr.h"

/* What notifier and extension must agree on; see harthio.protocol_version(). */
#define HARTHIO_PROTOCOL_VERSION 1

/* The NOTIFY channel on which the publisher speaks. */
#define HARTHIO_CHANNEL "harthio"

/* Seconds from 1970 until PostgreSQL's time begins. */
#define UNIX_EPOCH_SECONDS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/*
 * Limits, all in bytes and without a terminating zero.  Together they keep a
 * session's state, JSON escapes included, below NOTIFY's 8000 bytes.
 */
#define SESSION_ID_MAX	   128
#define PARTICIPANT_ID_MAX 255
#define PROVIDER_MAX	   63
#define SCOPE_MAX		   48
#define ROOM_MAX		   1024
#define REASON_MAX		   128
#define DEVICE_MAX		   64
#define NODE_ID_MAX		   128
#define INCARNATION_MAX	   INT64CONST(9007199254740991) /* what a browser can count to */
#define JSON_ARGUMENT_MAX  8192							/* info and detail, as stored */

typedef char SessionIdBuffer[SESSION_ID_MAX + 1];

/* Settings: see define_settings() in harthio.c for their meaning. */
extern char *harthio_database;
extern char *harthio_authorize_function;
extern int	 harthio_policy; /* a PolicyRule */
extern int	 harthio_score_half_life;
extern int	 harthio_success_points;
extern int	 harthio_failure_points;
extern int	 harthio_min_score;
extern int	 harthio_max_participants;
extern int	 harthio_ring_size;
extern int	 harthio_leave_grace;
extern int	 harthio_session_ttl;
extern int	 harthio_retention;
extern int	 harthio_sweep_interval;

extern int	  harthio_switch_threshold;
extern int	  harthio_quality_slots;
extern double harthio_clock_offset;

/* Raise 55000 unless the library is preloaded and this is its database. */
extern void harthio_require_ready(void);

/* Raise 40001: another transaction won and this snapshot cannot see it. */
extern void harthio_serialization_failure(void) pg_attribute_noreturn();

/* The database's timeline: a promotion or a restore makes the next one. */
extern int harthio_generation(void);

#endif /* HARTHIO_H */
