/*-------------------------------------------------------------------------
 *
 * row.h
 *	  Rows of our own tables, read and inserted without the executor.
 *
 * A claim is short: planning nothing and starting no executor for it makes
 * it about twice as fast.  For all that is not on the way of a claim or a
 * report there is statement.h.  Column numbers are those of the install
 * script; the regression tests compare them with the catalog.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_ROW_H
#define HARTHIO_ROW_H

#include "access/skey.h"
#include "executor/tuptable.h"
#include "utils/rel.h"

#define ROW_MAX_KEYS 4

/* Columns of harthio.provider. */
enum
{
	PROVIDER_NAME = 1,
	PROVIDER_BASE_SCORE,
	PROVIDER_ROOM_TEMPLATE,
	PROVIDER_PRIORITY,
	PROVIDER_ENABLED,
	PROVIDER_MAX_SESSIONS
};

/* Columns of harthio.assignment. */
enum
{
	ASSIGNMENT_SESSION_ID = 1,
	ASSIGNMENT_EPOCH,
	ASSIGNMENT_PROVIDER,
	ASSIGNMENT_ROOM,
	ASSIGNMENT_REASON,
	ASSIGNMENT_CLAIMED_BY,
	ASSIGNMENT_ASSIGNED_AT,
	ASSIGNMENT_GENERATION,
	ASSIGNMENT_SCOPE
};

/* Columns of harthio.participant. */
enum
{
	PARTICIPANT_SESSION_ID = 1,
	PARTICIPANT_ID,
	PARTICIPANT_DEVICE,
	PARTICIPANT_INCARNATION,
	PARTICIPANT_INFO,
	PARTICIPANT_JOINED_AT,
	PARTICIPANT_LEFT_AT,
	PARTICIPANT_LOST
};

/* Columns of harthio.outcome. */
enum
{
	OUTCOME_SESSION_ID = 1,
	OUTCOME_EPOCH,
	OUTCOME_PARTICIPANT_ID,
	OUTCOME_SUCCESS,
	OUTCOME_VERDICT,
	OUTCOME_COUNTED,
	OUTCOME_PROVIDER,
	OUTCOME_CONNECT_MS,
	OUTCOME_DETAIL,
	OUTCOME_REPORTED_AT,
	OUTCOME_PLACE
};

/* Tables of schema harthio. */
typedef enum RowTable
{
	TABLE_PROVIDER,
	TABLE_ASSIGNMENT,
	TABLE_PARTICIPANT,
	TABLE_OUTCOME,
	TABLE_PROVIDER_SCORE
} RowTable;

/* InvalidOid: it is not there; the extension may have been dropped. */
extern Oid row_table_oid(RowTable table);

/* One of them, locked until the end of the transaction. */
extern Relation row_open(RowTable table, LOCKMODE lock);
extern void		row_close(Relation table);

/*
 * Push a snapshot of what this transaction sees, its own writes too; or of
 * what is committed now, whatever the isolation level.
 */
extern void row_push_snapshot(bool latest);

/*
 * All rows whose leading columns of the primary key have these values, as such
 * a snapshot shows them, in the order of that key: from the first on, or from
 * the last on.  A row is there until the next is asked for; NULL: no more.  Who
 * is likely to insert a row next does not need two locks if it takes that one.
 */
typedef struct RowScan
{
	Relation				  table;
	Relation				  key; /* the primary key's index */
	struct IndexScanDescData *index;
	TupleTableSlot			 *row;
	int						  nkeys;
	ScanKeyData				  keys[ROW_MAX_KEYS];
} RowScan;

extern void			   row_scan_begin(RowScan *scan, RowTable table, LOCKMODE lock, int nkeys, const Datum *values, bool latest);
extern TupleTableSlot *row_scan_next(RowScan *scan);
extern TupleTableSlot *row_scan_previous(RowScan *scan);
extern void			   row_scan_end(RowScan *scan);

/* The same in two steps, for many values in one scan. */
extern void row_scan_open(RowScan *scan, RowTable table, LOCKMODE lock, int nkeys, bool latest);
extern void row_scan_seek(RowScan *scan, const Datum *values);

/* A value of a row, or NULL; text is a copy. */
extern char *row_text(TupleTableSlot *row, int column);
extern Datum row_value(TupleTableSlot *row, int column, bool *isnull);

typedef bool (*RowInsert)(Relation table, Datum *values, bool *nulls, int ncolumns);

/*
 * Insert a row unless one with the same key, in any unique index, is there or
 * is being committed: wait for it and return false, as ON CONFLICT DO NOTHING
 * does.  Columns that are not given are null: there are no defaults here.
 */
extern bool row_insert(Relation table, Datum *values, bool *nulls, int ncolumns);

/*
 * The same for a row that the caller has just looked for in vain: cheaper if
 * it is still not there, dearer if it is.
 */
extern bool row_insert_unseen(Relation table, Datum *values, bool *nulls, int ncolumns);

/*
 * The same, cheaper still, if nobody else can be about to insert that key:
 * two who do so at once could wait for each other.
 */
extern bool row_insert_alone(Relation table, Datum *values, bool *nulls, int ncolumns);

#endif /* HARTHIO_ROW_H */
