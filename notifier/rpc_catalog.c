/*
 * rpc_catalog.c
 *		Which functions may be called, and what the database says of them.
 *
 * PostgreSQL itself takes the arguments out of the JSON, each as its own type, by
 * json_to_record(): so does PostgREST, and so what is good here is good there.
 */
#include "rpc_catalog.h"

#include <string.h>

#include "memory.h"
#include "slice.h"

/* The extension's functions for clients and for operators. */
static const char *const own_functions[] = {
	"harthio_claim_provider", "harthio_report_outcome", "harthio_report_quality",
	"harthio_switch_provider", "harthio_leave_session", "harthio_end_session",
	"harthio_session", "harthio_providers", "harthio_report_probe",
	"harthio_evacuate_provider", "harthio_drain_provider", "harthio_enable_provider"};

/*
 * Functions with arguments that have no names cannot be called by name.  Without
 * a modifier "character" would be of one character.
 */
const char rpc_catalog_question[] =
	"SELECT coalesce(json_agg(json_build_object("
	"  'name', p.proname,"
	"  'in', n.nspname,"
	"  'schema', quote_ident(n.nspname),"
	"  'call', quote_ident(n.nspname) || '.' || quote_ident(p.proname),"
	"  'set', p.proretset,"
	"  'reads', p.provolatile <> 'v',"
	"  'void', p.prorettype = 'pg_catalog.void'::regtype,"
	"  'composite', t.typtype = 'c' OR p.prorettype = 'pg_catalog.record'::regtype"
	"    OR EXISTS (SELECT FROM pg_catalog.pg_type b WHERE b.oid = t.typbasetype AND b.typtype = 'c')"
	"    OR coalesce(p.proargmodes && '{t,b,o}'::\"char\"[], false),"
	"  'arguments', a.list)), '[]')"
	" FROM json_to_recordset($1::json) AS w(schema text, name text)"
	" JOIN pg_catalog.pg_proc p ON p.proname = w.name"
	" JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
	"  AND n.nspname = coalesce(w.schema, (SELECT o.nspname FROM pg_catalog.pg_extension e"
	"   JOIN pg_catalog.pg_namespace o ON o.oid = e.extnamespace WHERE e.extname = 'harthio'))"
	" JOIN pg_catalog.pg_type t ON t.oid = p.prorettype"
	" CROSS JOIN LATERAL (SELECT coalesce(json_agg(json_build_object("
	"   'name', i.name, 'quoted', quote_ident(i.name), 'type', format_type(i.type, -1),"
	"   'required', i.place <= p.pronargs - p.pronargdefaults) ORDER BY i.place), '[]') AS list,"
	"   coalesce(bool_and(i.name <> ''), true) AS named"
	"  FROM (SELECT coalesce(p.proargnames[x.place], '') AS name, x.type,"
	"     row_number() OVER (ORDER BY x.place) AS place"
	"    FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]))"
	"     WITH ORDINALITY AS x(type, place)"
	"    WHERE coalesce(p.proargmodes[x.place], 'i') IN ('i', 'b')) i) a"
	" WHERE p.prokind = 'f' AND p.provariadic = 0 AND a.named";

static void
allow(struct rpc_catalog *catalog, struct slice schema, struct slice name)
{
	json_t *one = json_pack("{s:s%}", "name", name.data, name.length);

	if (schema.data != NULL)
		json_object_set_new(one, "schema", json_stringn(schema.data, schema.length));
	json_array_append_new(catalog->allowed, one);
}

/* "name" or "schema.name". */
static void
allow_named(struct rpc_catalog *catalog, struct slice text)
{
	const char	*dot = memchr(text.data, '.', text.length);
	struct slice schema = {0};

	if (dot != NULL)
	{
		schema = slice_of(text.data, (size_t) (dot - text.data));
		text = slice_of(dot + 1, text.length - schema.length - 1);
	}
	if (text.length > 0)
		allow(catalog, schema, text);
}

void
rpc_catalog_init(struct rpc_catalog *catalog, const char *more)
{
	catalog->functions = NULL;
	catalog->allowed = json_array();
	for (unsigned i = 0; i < sizeof(own_functions) / sizeof(own_functions[0]); i++)
		allow(catalog, (struct slice){0}, slice_text(own_functions[i]));
	while (more != NULL && *more != '\0')
	{
		size_t length = strcspn(more, ", ");

		allow_named(catalog, slice_of(more, length));
		more += length;
		more += strspn(more, ", ");
	}
}

void
rpc_catalog_free(struct rpc_catalog *catalog)
{
	json_decref(catalog->allowed);
	json_decref(catalog->functions);
	*catalog = (struct rpc_catalog){0};
}

const char *
rpc_catalog_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

bool
rpc_catalog_flag(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static bool
is_named(const json_t *object, const char *name)
{
	const char *own = rpc_catalog_text(object, "name");

	return own != NULL && strcmp(own, name) == 0;
}

bool
rpc_catalog_allows(const struct rpc_catalog *catalog, const char *name)
{
	size_t	i;
	json_t *one;

	json_array_foreach(catalog->allowed, i, one)
	{
		if (is_named(one, name))
			return true;
	}
	return false;
}

char *
rpc_catalog_value(const struct rpc_catalog *catalog)
{
	return json_dumps(catalog->allowed, JSON_COMPACT);
}

void
rpc_catalog_take(struct rpc_catalog *catalog, const char *answer)
{
	json_decref(catalog->functions);
	catalog->functions = json_loads(answer, 0, NULL);
}

/* Are all arguments there that must be, and only such as there are? */
static bool
fits(const json_t *function, const json_t *arguments)
{
	const json_t *known = json_object_get(function, "arguments");
	size_t		  found = 0;
	size_t		  i;
	json_t		 *one;

	json_array_foreach(known, i, one)
	{
		if (json_object_get(arguments, rpc_catalog_text(one, "name")) != NULL)
			found++;
		else if (rpc_catalog_flag(one, "required"))
			return false;
	}
	return found == json_object_size(arguments);
}

static bool
is_in(const json_t *function, const char *schema)
{
	return schema == NULL || strcmp(rpc_catalog_text(function, "in"), schema) == 0;
}

bool
rpc_catalog_has_schema(const struct rpc_catalog *catalog, const char *schema)
{
	size_t	i;
	json_t *one;

	json_array_foreach(catalog->functions, i, one)
	{
		if (is_in(one, schema))
			return true;
	}
	return false;
}

const json_t *
rpc_catalog_find(const struct rpc_catalog *catalog, const char *schema, const char *name,
				 const json_t *arguments, size_t *count)
{
	const json_t *found = NULL;
	size_t		  i;
	json_t		 *one;

	*count = 0;
	json_array_foreach(catalog->functions, i, one)
	{
		if (!is_in(one, schema) || !is_named(one, name) || !fits(one, arguments))
			continue;
		found = one;
		++*count;
	}
	return *count == 1 ? found : NULL;
}
