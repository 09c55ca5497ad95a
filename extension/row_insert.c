/*-------------------------------------------------------------------------
 *
 * row_insert.c
 *	  Rows of our own tables, inserted without a plan.
 *
 * Who inserts has mostly looked for the row before, and the insertion into a
 * unique index finds a conflict by itself.  So the indexes are looked through
 * only by those who did not look, and after a conflict.
 *
 * Entries of our own indexes are columns, which need no executor, as those of
 * the catalogs do.  It is there for the indexes that an operator has added.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "row.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "harthio.h"
#include "search_path.h"

/* A row on its way into a table, and what the executor needs for it. */
typedef struct Insertion
{
	ResultRelInfo  *target;
	TupleTableSlot *slot;
	CommandId		command;
	bool			computes; /* see indexes_compute() */
	int				pinned;	  /* the search_path */
	EState		   *estate;	  /* NULL until it is needed */
} Insertion;

/*
 * Does an index that somebody has added compute its entries, with functions
 * that may look up names, or is it a special one in another way?
 */
static bool
indexes_compute(ResultRelInfo *target)
{
	for (int i = 0; i < target->ri_NumIndices; i++)
	{
		IndexInfo *info = target->ri_IndexRelationInfo[i];

		if (info->ii_Expressions != NIL || info->ii_Predicate != NIL ||
			info->ii_ExclusionOps != NULL || !info->ii_ReadyForInserts ||
			!target->ri_IndexRelationDescs[i]->rd_index->indimmediate)
			return true;
	}
	return false;
}

static EState *
executor_state(Insertion *insertion)
{
	if (insertion->estate == NULL)
		insertion->estate = CreateExecutorState();
	return insertion->estate;
}

/* Insert the row's entries; returns whether there is a conflict. */
static bool
insert_entries(Insertion *insertion)
{
	ResultRelInfo *target = insertion->target;
	bool		   conflict = false;

	if (insertion->computes)
	{
		InsertIndexTuples(target, insertion->slot, executor_state(insertion), &conflict);
		return conflict;
	}

	for (int i = 0; i < target->ri_NumIndices; i++)
	{
		IndexInfo *info = target->ri_IndexRelationInfo[i];
		Datum	   values[INDEX_MAX_KEYS];
		bool	   nulls[INDEX_MAX_KEYS];

		FormIndexDatum(info, insertion->slot, NULL, values, nulls);
		if (!index_insert(target->ri_IndexRelationDescs[i], values, nulls, &insertion->slot->tts_tid,
						  target->ri_RelationDesc,
						  info->ii_Unique ? UNIQUE_CHECK_PARTIAL : UNIQUE_CHECK_NO, false, info) &&
			info->ii_Unique)
			conflict = true;
	}
	return conflict;
}

/*
 * Only who wants to look for conflicts has to know how the indexes compare.
 */
static void
begin(Insertion *insertion, Relation table, Datum *values, bool *nulls, int ncolumns, bool may_look)
{
	TupleTableSlot *slot = table_slot_create(table, NULL);

	/* no plan does it for us */
	PreventCommandIfReadOnly("INSERT");

	insertion->estate = NULL;
	insertion->command = GetCurrentCommandId(true);
	insertion->slot = slot;
	insertion->target = makeNode(ResultRelInfo);
	InitResultRelInfo(insertion->target, table, 0, NULL, 0);
	ExecOpenIndices(insertion->target, may_look);
	insertion->computes = indexes_compute(insertion->target);
	insertion->pinned = insertion->computes ? search_path_pin() : SEARCH_PATH_KEPT;

	/* another version of the extension may have other columns */
	if (ncolumns > RelationGetNumberOfAttributes(table))
		elog(ERROR, "table %s has too few columns", RelationGetRelationName(table));
	ExecStoreAllNullTuple(slot);
	memcpy(slot->tts_values, values, ncolumns * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, ncolumns * sizeof(bool));
}

static void
end(Insertion *insertion)
{
	search_path_restore(insertion->pinned);
	ExecCloseIndices(insertion->target);
	ExecDropSingleTupleTableSlot(insertion->slot);
	if (insertion->estate != NULL)
		FreeExecutorState(insertion->estate);
}

/*
 * What is in the way must be something that this transaction can see, or its
 * caller would look for it in vain.
 */
static void
require_visible(Relation table, ItemPointer tid)
{
	TupleTableSlot *slot;

	if (!IsolationUsesXactSnapshot())
		return;

	slot = table_slot_create(table, NULL);
	row_push_snapshot(false);
	if (!table_tuple_fetch_row_version(table, tid, GetActiveSnapshot(), slot))
		harthio_serialization_failure();
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
}

/* Is the key free, now that all who were about to take it have ended? */
static bool
key_is_free(Insertion *insertion)
{
	ItemPointerData conflict_tid;

	if (CheckIndexConstraints(insertion->target, insertion->slot, executor_state(insertion), &conflict_tid))
		return true;
	require_visible(insertion->target->ri_RelationDesc, &conflict_tid);
	return false;
}

/*
 * Insert the row under a speculative token, which makes others wait only for
 * the insertion, not for our transaction, until it is sure that there is no
 * conflict.  If there is one, the row is taken back.
 */
static bool
try_insert(Insertion *insertion)
{
	Relation	  table = insertion->target->ri_RelationDesc;
	TransactionId xid = GetCurrentTransactionId();
	uint32		  token = SpeculativeInsertionLockAcquire(xid);
	bool		  conflict;

	table_tuple_insert_speculative(table, insertion->slot, insertion->command,
								   0, NULL, token);
	conflict = insert_entries(insertion);
	table_tuple_complete_speculative(table, insertion->slot, token, !conflict);
	SpeculativeInsertionLockRelease(xid);
	return !conflict;
}

/*
 * Insert the row as rows usually are, and delete it if there is a conflict.
 */
static bool
try_insert_alone(Insertion *insertion)
{
	Relation table = insertion->target->ri_RelationDesc;
	bool	 conflict;

	table_tuple_insert(table, insertion->slot, insertion->command, 0, NULL);
	conflict = insert_entries(insertion);
	if (conflict)
	{
		CommandCounterIncrement();
		simple_table_tuple_delete(table, &insertion->slot->tts_tid, GetActiveSnapshot());
	}
	return !conflict;
}

bool
row_insert(Relation table, Datum *values, bool *nulls, int ncolumns)
{
	Insertion insertion;
	bool	  inserted = false;

	begin(&insertion, table, values, nulls, ncolumns, true);
	while (!inserted && key_is_free(&insertion))
	{
		inserted = try_insert(&insertion);
		CHECK_FOR_INTERRUPTS();
	}
	end(&insertion);
	return inserted;
}

/* Try to insert without a look; if there is a conflict, have one. */
static bool
insert_blindly(bool (*try)(Insertion *), Relation table, Datum *values, bool *nulls, int ncolumns)
{
	Insertion insertion;
	bool	  inserted;

	begin(&insertion, table, values, nulls, ncolumns, false);
	inserted = try(&insertion);
	end(&insertion);
	return inserted || row_insert(table, values, nulls, ncolumns);
}

bool
row_insert_unseen(Relation table, Datum *values, bool *nulls, int ncolumns)
{
	return insert_blindly(try_insert, table, values, nulls, ncolumns);
}

bool
row_insert_alone(Relation table, Datum *values, bool *nulls, int ncolumns)
{
	return insert_blindly(try_insert_alone, table, values, nulls, ncolumns);
}
