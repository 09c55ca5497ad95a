/*-------------------------------------------------------------------------
 *
 * row.c
 *	  Rows of our own tables, read and inserted without the executor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "row.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "harthio.h"

#define SCHEMA		 "harthio"
#define ROW_MAX_KEYS 2

Relation
row_open(const char *table, LOCKMODE lock)
{
	Oid oid = get_relname_relid(table, get_namespace_oid(SCHEMA, false));

	if (!OidIsValid(oid))
		elog(ERROR, "table %s.%s does not exist", SCHEMA, table);
	return table_open(oid, lock);
}

void
row_close(Relation table)
{
	table_close(table, NoLock);
}

void
row_push_snapshot(bool latest)
{
	CommandCounterIncrement();
	PushActiveSnapshot(latest ? GetLatestSnapshot() : GetTransactionSnapshot());
}

HeapTuple
row_find_last(Relation table, int nkeys, const char **values, bool latest)
{
	Relation	key = index_open(PrimaryKeyIndex(table), AccessShareLock);
	ScanKeyData keys[ROW_MAX_KEYS];
	SysScanDesc scan;
	HeapTuple	tuple;

	/* ScanKeyInit() means collation "C", which is that of our key columns */
	for (int i = 0; i < nkeys; i++)
		ScanKeyInit(&keys[i], key->rd_index->indkey.values[i], BTEqualStrategyNumber,
					F_TEXTEQ, CStringGetTextDatum(values[i]));

	row_push_snapshot(latest);
	scan = systable_beginscan_ordered(table, key, GetActiveSnapshot(), nkeys, keys);
	tuple = systable_getnext_ordered(scan, BackwardScanDirection);
	tuple = HeapTupleIsValid(tuple) ? heap_copytuple(tuple) : NULL;
	systable_endscan_ordered(scan);
	PopActiveSnapshot();
	index_close(key, NoLock);
	return tuple;
}

Datum
row_value(HeapTuple tuple, int column, Relation table, bool *isnull)
{
	return heap_getattr(tuple, column, RelationGetDescr(table), isnull);
}

char *
row_text(HeapTuple tuple, int column, Relation table)
{
	bool  isnull;
	Datum value = row_value(tuple, column, table, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/*
 * What is in the way must be something that this transaction can see, or its
 * caller would look for it in vain.
 */
static void
require_visible(Relation table, ItemPointer tid, EState *estate)
{
	TupleTableSlot *slot;

	if (!IsolationUsesXactSnapshot())
		return;

	slot = table_slot_create(table, NULL);
	if (!table_tuple_fetch_row_version(table, tid, estate->es_snapshot, slot))
		harthio_serialization_failure();
	ExecDropSingleTupleTableSlot(slot);
}

/*
 * Insert the slot's row under a speculative token, which makes others wait
 * only for the insertion, not for our transaction, until it is sure that
 * there is no conflict.
 */
static bool
insert_unless_conflict(ResultRelInfo *target, TupleTableSlot *slot, EState *estate)
{
	Relation table = target->ri_RelationDesc;

	for (;;)
	{
		ItemPointerData conflict_tid;
		bool			conflict = false;
		uint32			token;

		if (!CheckIndexConstraints(target, slot, estate, &conflict_tid))
		{
			require_visible(table, &conflict_tid, estate);
			return false;
		}

		token = SpeculativeInsertionLockAcquire(GetCurrentTransactionId());
		table_tuple_insert_speculative(table, slot, estate->es_output_cid, 0, NULL, token);
		InsertIndexTuples(target, slot, estate, &conflict);
		table_tuple_complete_speculative(table, slot, token, !conflict);
		SpeculativeInsertionLockRelease(GetCurrentTransactionId());

		if (!conflict)
			return true;
		CHECK_FOR_INTERRUPTS();
	}
}

bool
row_insert(Relation table, Datum *values, bool *nulls)
{
	EState		   *estate = CreateExecutorState();
	ResultRelInfo  *target = makeNode(ResultRelInfo);
	TupleTableSlot *slot = table_slot_create(table, NULL);
	bool			inserted;

	row_push_snapshot(false);
	estate->es_output_cid = GetCurrentCommandId(true);
	estate->es_snapshot = GetActiveSnapshot();

	InitResultRelInfo(target, table, 0, NULL, 0);
	ExecOpenIndices(target, true);

	ExecClearTuple(slot);
	memcpy(slot->tts_values, values, RelationGetNumberOfAttributes(table) * sizeof(Datum));
	memcpy(slot->tts_isnull, nulls, RelationGetNumberOfAttributes(table) * sizeof(bool));
	ExecStoreVirtualTuple(slot);

	inserted = insert_unless_conflict(target, slot, estate);

	ExecCloseIndices(target);
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(estate);
	PopActiveSnapshot();
	return inserted;
}
