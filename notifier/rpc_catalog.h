/*
 * rpc_catalog.h
 *		Which functions may be called, and what the database says of them.
 *
 * The names are decided here; schemas, arguments, types and kinds of results are
 * read from pg_proc.  Names in SQL are those that the database quoted itself:
 * nothing that a client sends gets into SQL, except as a value.
 */
#ifndef HARTHIO_RPC_CATALOG_H
#define HARTHIO_RPC_CATALOG_H

#include <jansson.h>
#include <stdbool.h>

struct rpc_catalog
{
	json_t *allowed;   /* array of {"schema", "name"}; no schema: the extension's */
	json_t *functions; /* what the database said; NULL: it was not asked yet */
};

/* Reads the allowed functions, of the extension and those of "more". */
void rpc_catalog_init(struct rpc_catalog *catalog, const char *more);
void rpc_catalog_free(struct rpc_catalog *catalog);

bool rpc_catalog_allows(const struct rpc_catalog *catalog, const char *name);

/* The question to the database, with one value, and its answer. */
extern const char rpc_catalog_question[];
char			 *rpc_catalog_value(const struct rpc_catalog *catalog);
void			  rpc_catalog_take(struct rpc_catalog *catalog, const char *answer);

/* Is there any function in this schema? */
bool rpc_catalog_has_schema(const struct rpc_catalog *catalog, const char *schema);

/*
 * The function that takes just these arguments, in this schema or, without one,
 * in any; NULL if there is none, or more than one, which "count" tells.  It is the
 * catalog's.
 */
const json_t *rpc_catalog_find(const struct rpc_catalog *catalog, const char *schema,
							   const char *name, const json_t *arguments, size_t *count);

/* A member of a function's object: its text, or NULL; and is it true? */
const char *rpc_catalog_text(const json_t *object, const char *key);
bool		rpc_catalog_flag(const json_t *object, const char *key);

#endif
