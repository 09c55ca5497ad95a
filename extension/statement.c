/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  SQL statements run from C: prepared once a backend, read by column.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "statement.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "search_path.h"

static void
prepare(Statement *statement)
{
	SPIPlanPtr plan;

	if (statement->plan != NULL)
		return;

	plan = SPI_prepare(statement->text, statement->nargs, statement->argtypes);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s",
			 statement->text, SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	statement->plan = plan;
}

static uint64
rows_or_error(const Statement *statement, int result)
{
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s",
			 statement->text, SPI_result_code_string(result));
	return SPI_processed;
}

uint64
statement_run(Statement *statement, Datum *args, const char *nulls)
{
	int pinned = search_path_pin();
	int result;

	prepare(statement);
	result = SPI_execute_plan(statement->plan, args, nulls, false, 0);
	search_path_restore(pinned);
	return rows_or_error(statement, result);
}

uint64
statement_run_latest(Statement *statement, Datum *args)
{
	int pinned = search_path_pin();
	int result;

	prepare(statement);
	CommandCounterIncrement(); /* see what this transaction did so far */
	result = SPI_execute_snapshot(statement->plan, args, NULL,
								  GetLatestSnapshot(), InvalidSnapshot,
								  true, false, 0);
	search_path_restore(pinned);
	return rows_or_error(statement, result);
}

Datum
text_or_null(const char *string, bool *isnull)
{
	*isnull = string == NULL;
	return string ? CStringGetTextDatum(string) : (Datum) 0;
}

Datum
column_datum(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
						 column, isnull);
}

int
column_int(uint64 row, int column)
{
	bool  isnull;
	Datum value = column_datum(row, column, &isnull);

	return isnull ? 0 : DatumGetInt32(value);
}

TimestampTz
column_timestamp(uint64 row, int column)
{
	bool  isnull;
	Datum value = column_datum(row, column, &isnull);

	return isnull ? DT_NOBEGIN : DatumGetTimestampTz(value);
}

char *
column_string(uint64 row, int column)
{
	bool  isnull;
	Datum value = column_datum(row, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

List *
column_strings(uint64 rows, int column)
{
	List *strings = NIL;

	for (uint64 row = 0; row < rows; row++)
		strings = lappend(strings, column_string(row, column));
	return strings;
}
