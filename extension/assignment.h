/*-------------------------------------------------------------------------
 *
 * assignment.h
 *	  Which provider carries a session in which epoch.
 *
 * One provider per epoch is a primary key: assignment(session_id, epoch).
 * Rows are only ever inserted, and removed when their session has been over for
 * long.  To claim is to insert epoch 1, to switch or
 * to end is to insert epoch e+1 having seen e; who comes second reads the
 * row of who came first.
 *
 * All functions need an open SPI connection, and what they return lives as
 * long as it does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_ASSIGNMENT_H
#define HARTHIO_ASSIGNMENT_H

#include "access/htup.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "utils/timestamp.h"

/* Why an epoch was left, as the next one's reason says; others are the callers'. */
#define REASON_FAILED	"failed"   /* it did not connect */
#define REASON_DEGRADED "degraded" /* it was bad for long, and another was better */

typedef struct Assignment
{
	const char *session_id;
	int			epoch;
	const char *provider;	/* NULL: the session has ended */
	const char *room;		/* where to go there; NULL when ended */
	const char *reason;		/* why this epoch was made */
	const char *claimed_by; /* the participant who caused it */
	TimestampTz assigned_at;
	const char *scope;	/* kind of network, see scope.h */
	bool		is_new; /* made by this very call */
} Assignment;

/* As a row of the table has it, copied. */
extern void assignment_from_row(const char *session_id, TupleTableSlot *row, Assignment *assignment);

/*
 * The session's newest assignment.  False if there is no such session; 40001
 * if there is a newer one than this transaction's snapshot can see.
 */
extern bool assignment_current(const char *session_id, Assignment *current);

/* The same, but raise 42704 if there is no such session. */
extern void assignment_require(const char *session_id, Assignment *current);

/*
 * Move the session from *current to the next epoch, on the best provider
 * other than its present one.  If somebody else was faster, *current becomes
 * that one's assignment.  False, and nothing done, if no provider is enabled.
 */
extern bool assignment_switch(Assignment *current, const char *reason, const char *by);

/*
 * The same, but only to a provider that is better by more than
 * harthio.switch_threshold than what the session has now: the lower of its
 * provider's score and its measured quality.
 */
extern bool assignment_switch_if_better(Assignment *current, double quality, const char *by);

/* Until this transaction ends, no other one counts something of the session. */
extern void assignment_lock_to_count(const char *session_id);

/*
 * Keep the session from being ended, or lock it against joining, until this
 * transaction is over.  To try does not wait: it is false if somebody is
 * joining right now.  False also if there is no such session.
 */
extern bool assignment_lock_to_join(const char *session_id);
extern bool assignment_try_lock(const char *session_id);

/*
 * End the session, in its next epoch, which becomes *current; nothing is done
 * if it has ended.  It must be locked against joining.
 */
extern void assignment_end(Assignment *current, const char *reason, const char *by);

/* Remove the epochs of a session that is locked against joining. */
extern void assignment_forget(const char *session_id);

/* Raise 22023 for an epoch that the session has not reached. */
extern void assignment_check_epoch(const Assignment *current, int epoch);

/* Raise 55000 if the session has ended. */
extern void assignment_check_open(const Assignment *current);

/* As a row of type harthio_assignment, which desc describes. */
extern HeapTuple assignment_row(TupleDesc desc, const Assignment *assignment);

/* As the calling SQL function's result; outlives the SPI connection. */
extern Datum assignment_result(FunctionCallInfo fcinfo, const Assignment *assignment);

#endif /* HARTHIO_ASSIGNMENT_H */
