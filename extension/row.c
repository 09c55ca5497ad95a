/*-------------------------------------------------------------------------
 *
 * row.c
 *	  Rows of our own tables, read without the executor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "row.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"

#define SCHEMA "harthio"

static const char *const names[] = {
	[TABLE_PROVIDER] = "provider",
	[TABLE_ASSIGNMENT] = "assignment",
	[TABLE_PARTICIPANT] = "participant",
	[TABLE_OUTCOME] = "outcome",
	[TABLE_PROVIDER_SCORE] = "provider_score",
};

/* Of the tables, as found in the catalog; forgotten when that changes. */
static Oid oids[lengthof(names)];

static void
forget_oids(Datum arg, int cache, uint32 hash)
{
	MemSet(oids, 0, sizeof(oids));
}

Oid
row_table_oid(RowTable table)
{
	static bool registered = false;
	Oid			schema;

	if (OidIsValid(oids[table]))
		return oids[table];

	if (!registered)
	{
		CacheRegisterSyscacheCallback(RELNAMENSP, forget_oids, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACENAME, forget_oids, (Datum) 0);
		registered = true;
	}
	schema = get_namespace_oid(SCHEMA, true);
	if (OidIsValid(schema))
		oids[table] = get_relname_relid(names[table], schema);
	return oids[table];
}

Relation
row_open(RowTable table, LOCKMODE lock)
{
	Oid oid = row_table_oid(table);

	if (!OidIsValid(oid))
		elog(ERROR, "table %s.%s does not exist", SCHEMA, names[table]);
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

static RegProcedure
equality_of(Oid type)
{
	switch (type)
	{
		case INT4OID:
			return F_INT4EQ;
		case BOOLOID:
			return F_BOOLEQ;
		default:
			return F_TEXTEQ;
	}
}

void
row_scan_open(RowScan *scan, RowTable table, LOCKMODE lock, int nkeys, bool latest)
{
	row_push_snapshot(latest);
	scan->table = row_open(table, lock);
	scan->key = index_open(PrimaryKeyIndex(scan->table), lock);
	scan->row = table_slot_create(scan->table, NULL);
	scan->index = BeginIndexScan(scan->table, scan->key, GetActiveSnapshot(), nkeys);
	scan->nkeys = nkeys;

	/* ScanKeyInit() means collation "C", which is that of our key columns */
	for (int i = 0; i < nkeys; i++)
		ScanKeyInit(&scan->keys[i], (AttrNumber) (i + 1), BTEqualStrategyNumber,
					equality_of(scan->key->rd_opcintype[i]), (Datum) 0);
}

void
row_scan_seek(RowScan *scan, const Datum *values)
{
	for (int i = 0; i < scan->nkeys; i++)
		scan->keys[i].sk_argument = values[i];
	index_rescan(scan->index, scan->keys, scan->nkeys, NULL, 0);
}

void
row_scan_begin(RowScan *scan, RowTable table, LOCKMODE lock, int nkeys, const Datum *values, bool latest)
{
	row_scan_open(scan, table, lock, nkeys, latest);
	row_scan_seek(scan, values);
}

TupleTableSlot *
row_scan_next(RowScan *scan)
{
	return index_getnext_slot(scan->index, ForwardScanDirection, scan->row) ? scan->row : NULL;
}

TupleTableSlot *
row_scan_previous(RowScan *scan)
{
	return index_getnext_slot(scan->index, BackwardScanDirection, scan->row) ? scan->row : NULL;
}

void
row_scan_end(RowScan *scan)
{
	index_endscan(scan->index);
	ExecDropSingleTupleTableSlot(scan->row);
	index_close(scan->key, NoLock);
	row_close(scan->table);
	PopActiveSnapshot();
}

Datum
row_value(TupleTableSlot *row, int column, bool *isnull)
{
	return slot_getattr(row, column, isnull);
}

char *
row_text(TupleTableSlot *row, int column)
{
	bool  isnull;
	Datum value = slot_getattr(row, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}
