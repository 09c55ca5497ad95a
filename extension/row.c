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
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "compat.h"

#define SCHEMA		 "harthio"
#define ROW_MAX_KEYS 3

struct RowScan
{
	Relation	key; /* the primary key's index */
	SysScanDesc scan;
};

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

static void
begin_scan(RowScan *scan, Relation table, int nkeys, const char **values, bool latest)
{
	ScanKeyData keys[ROW_MAX_KEYS];

	scan->key = index_open(PrimaryKeyIndex(table), AccessShareLock);

	/* ScanKeyInit() means collation "C", which is that of our key columns */
	for (int i = 0; i < nkeys; i++)
		ScanKeyInit(&keys[i], scan->key->rd_index->indkey.values[i], BTEqualStrategyNumber,
					F_TEXTEQ, CStringGetTextDatum(values[i]));

	row_push_snapshot(latest);
	scan->scan = systable_beginscan_ordered(table, scan->key, GetActiveSnapshot(), nkeys, keys);
}

static void
end_scan(RowScan *scan)
{
	systable_endscan_ordered(scan->scan);
	PopActiveSnapshot();
	index_close(scan->key, NoLock);
}

HeapTuple
row_find_last(Relation table, int nkeys, const char **values, bool latest)
{
	RowScan	  scan;
	HeapTuple tuple;

	begin_scan(&scan, table, nkeys, values, latest);
	tuple = systable_getnext_ordered(scan.scan, BackwardScanDirection);
	tuple = HeapTupleIsValid(tuple) ? heap_copytuple(tuple) : NULL;
	end_scan(&scan);
	return tuple;
}

RowScan *
row_scan_begin(Relation table, int nkeys, const char **values)
{
	RowScan *scan = palloc(sizeof(RowScan));

	begin_scan(scan, table, nkeys, values, false);
	return scan;
}

HeapTuple
row_scan_next(RowScan *scan)
{
	return systable_getnext_ordered(scan->scan, ForwardScanDirection);
}

void
row_scan_end(RowScan *scan)
{
	end_scan(scan);
	pfree(scan);
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
