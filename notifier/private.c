/*
 * private.c
 *		What the operator's policies let someone do in a private channel.
 */
#include "private.h"

#include "message_row.h"

/*
 * Nobody waits for the disk, as nothing is kept, and a policy that is slow must
 * not make all others wait until we give the connection up.
 */
const char private_caller[] =
	"SELECT pg_catalog.set_config('request.jwt.claims', $1, true),"
	" pg_catalog.set_config('harthio_notifier.topic', $2, true),"
	" pg_catalog.set_config('statement_timeout', '3s', true),"
	" pg_catalog.set_config('synchronous_commit', 'off', true)";

/*
 * Two rows are inserted with the notifier's own rights and read with those of
 * the caller; then the caller inserts such rows.  The exception at the end takes
 * rows and settings back, and what was found stays.
 */
const char private_try[] =
	"DO $try$\n"
	"DECLARE\n"
	"	topic constant text := current_setting('harthio_notifier.topic');\n"
	"	claims constant jsonb := current_setting('request.jwt.claims');\n"
	"	role constant text := coalesce(nullif(claims ->> 'role', ''), 'none');\n"
	"	probes constant uuid[] := ARRAY[gen_random_uuid(), gen_random_uuid()];\n"
	"	names constant text[] := '{broadcast,presence}';\n"
	"	can_read boolean[];\n"
	"	can_write boolean[] := '{f,f}';\n"
	"BEGIN\n"
	"	PERFORM set_config('harthio_notifier.rights', 'ffff', true);\n"
	"	IF role = 'none' OR role = session_user OR NOT EXISTS (\n"
	"		SELECT FROM pg_class WHERE relname = 'messages' AND relkind IN ('r', 'p')\n"
	"			AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'realtime')) THEN\n"
	"		RETURN;\n"
	"	END IF;\n"
	"	BEGIN\n"
	"		PERFORM set_config('realtime.topic', topic, true),\n"
	"			set_config('request.jwt.claim.sub', coalesce(claims ->> 'sub', ''), true),\n"
	"			set_config('request.jwt.claim.role', role, true),\n"
	"			set_config('request.headers', '{}', true),\n"
	"			set_config('search_path', '\"$user\", public, extensions', true);\n"
	"		INSERT INTO realtime.messages (id, topic, extension)\n"
	"			VALUES (probes[1], topic, names[1]), (probes[2], topic, names[2]);\n"
	"		PERFORM set_config('role', role, true);\n"
	"		can_read := ARRAY[\n"
	"			EXISTS (SELECT FROM realtime.messages WHERE id = probes[1]),\n"
	"			EXISTS (SELECT FROM realtime.messages WHERE id = probes[2])];\n"
	"		FOR i IN 1 .. 2 LOOP\n"
	"			BEGIN\n"
	"				INSERT INTO realtime.messages (topic, extension) VALUES (topic, names[i]);\n"
	"				can_write[i] := true;\n"
	"			EXCEPTION WHEN insufficient_privilege THEN\n"
	"				NULL;\n"
	"			END;\n"
	"		END LOOP;\n"
	"		RAISE SQLSTATE 'HN001';\n"
	"	EXCEPTION WHEN SQLSTATE 'HN001' THEN\n"
	"		NULL;\n"
	"	END;\n"
	"	PERFORM set_config('harthio_notifier.rights',\n"
	"		array_to_string(can_read || can_write, ''), true);\n"
	"END $try$";

const char private_rights[] =
	"SELECT pg_catalog.current_setting('harthio_notifier.rights')";

const char private_replay[] =
	"SELECT " MESSAGE_COLUMNS
	" FROM realtime.harthio_replay($1, $2::pg_catalog.int8, $3::pg_catalog.int4) m";

struct database_rights
private_read_rights(const char *text)
{
	return (struct database_rights){
		.hears_broadcasts = text[0] == 't',
		.hears_presence = text[0] != '\0' && text[1] == 't',
		.broadcasts = strnlen(text, 3) == 3 && text[2] == 't',
		.shows_presence = strnlen(text, 4) == 4 && text[3] == 't',
	};
}
