/*-------------------------------------------------------------------------
 *
 * statement.h
 *	  SQL statements run from C: prepared once a backend, read by column.
 *
 * A Statement is a static variable of the file that uses it.  All calls need an
 * open SPI connection.  The caller's search_path is not used: see search_path.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef HARTHIO_STATEMENT_H
#define HARTHIO_STATEMENT_H

#include "executor/spi.h"

#define STATEMENT_MAX_ARGS 8

typedef struct Statement
{
	const char *text; /* one statement with parameters $1 .. $nargs */
	int			nargs;
	Oid			argtypes[STATEMENT_MAX_ARGS];
	SPIPlanPtr	plan; /* NULL until first run */
} Statement;

/*
 * Run it in the transaction's own view of the data and return the number of
 * rows.  nulls is NULL, or a string with 'n' for each argument that is null.
 */
extern uint64 statement_run(Statement *statement, Datum *args, const char *nulls);

/* Run a SELECT on what is committed now, whatever the isolation level. */
extern uint64 statement_run_latest(Statement *statement, Datum *args);

/* A datum of a string, or of null for NULL. */
extern Datum text_or_null(const char *string, bool *isnull);

/* Columns (counted from 1) of a row (counted from 0) of the last result. */
extern Datum	   column_datum(uint64 row, int column, bool *isnull);
extern int		   column_int(uint64 row, int column);
extern TimestampTz column_timestamp(uint64 row, int column);

/* A copy that lives as long as the SPI connection, or NULL for null. */
extern char *column_string(uint64 row, int column);

/* A column of all rows, as copies. */
extern List *column_strings(uint64 rows, int column);

#endif /* HARTHIO_STATEMENT_H */
