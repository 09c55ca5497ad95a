/*
 * options_table.c
 *		All options: the one table.
 */
#include "options_table.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>

#define ENVIRONMENT_PREFIX "HARTHIO_"

#define AT(field) .offset = offsetof(struct options, field)

/* clang-format off */
#define LIMIT_OPTION(field, option, value, least, most, text)                     \
	{.name = (option), .value_name = "NUMBER", .standard = #value, .help = (text), \
	 .type = OPTION_NUMBER, AT(limits.field), .lowest = (least), .highest = (most), \
	 .reloadable = true},

const struct option options_table[] = {
	{.name = "config", .value_name = "FILE", .standard = "", .type = OPTION_TEXT, AT(config),
	 .help = "file of settings, lines of \"name = value\""},
	{.name = "database", .value_name = "CONNINFO", .standard = "", .type = OPTION_CONNINFO, AT(database), .secret = true,
	 .help = "PostgreSQL connection string or URL; empty means libpq's PG* variables"},
	{.name = "allow-superuser", .value_name = "on|off", .standard = "off", .type = OPTION_SWITCH, AT(allow_superuser),
	 .help = "run though the database's role is a superuser"},
	{.name = "database-timeout-ms", .value_name = "MILLISECONDS", .standard = "5000", .type = OPTION_NUMBER, AT(database_timeout_ms), .lowest = 100, .highest = 600000,
	 .help = "how long a join waits for an answer of the database; the listener waits twice as long"},
	{.name = "listen", .value_name = "ADDRESS", .standard = "127.0.0.1:4000", .type = OPTION_ADDRESS, AT(listen),
	 .help = "where clients connect: HOST:PORT such as [::1]:4000 (port 0 is any free one) or unix:PATH"},
	{.name = "internal-listen", .value_name = "ADDRESS", .standard = "", .type = OPTION_ADDRESS, AT(internal),
	 .help = "where /metrics, /healthz, /readyz and the operator's page are; empty: nowhere"},
	{.name = "pages", .value_name = "DIRECTORY", .standard = "", .type = OPTION_DIRECTORY, AT(pages),
	 .help = "files that browsers can get where clients connect; empty: none"},
	{.name = "operator-role", .value_name = "ROLE", .standard = "", .type = OPTION_TEXT, AT(operator_role),
	 .help = "role of tokens that may look and act at internal-listen, under /operator/; empty: nobody may"},
	{.name = "operator-pages", .value_name = "DIRECTORY", .standard = "", .type = OPTION_DIRECTORY, AT(operator_pages),
	 .help = "files that browsers can get from internal-listen, such as the operator's page; empty: none"},
	{.name = "tls-certificate", .value_name = "FILE", .standard = "", .type = OPTION_TEXT, AT(tls_certificate), .reloadable = true,
	 .help = "PEM: the certificate and those between it and the root; empty: no TLS"},
	{.name = "tls-key", .value_name = "FILE", .standard = "", .type = OPTION_TEXT, AT(tls_key), .reloadable = true,
	 .help = "PEM: the certificate's private key"},
	{.name = "jwt-secret", .value_name = "SECRET|@FILE", .standard = "", .type = OPTION_SECRET, AT(jwt_secret), .reloadable = true, .secret = true,
	 .help = "what tokens are signed with (HS256, HS384, HS512)"},
	{.name = "jwt-secret-previous", .value_name = "SECRET|@FILE", .standard = "", .type = OPTION_SECRET, AT(jwt_secret_previous), .reloadable = true, .secret = true,
	 .help = "a second secret that is good too, while the first is being replaced"},
	{.name = "jwks", .value_name = "FILE", .standard = "", .type = OPTION_CONTENT, AT(jwks), .reloadable = true,
	 .help = "JWK set: keys by \"kid\" (RS256 to RS512, ES256 to ES512, HS256 to HS512)"},
	{.name = "jwt-issuer", .value_name = "TEXT", .standard = "", .type = OPTION_TEXT, AT(jwt_issuer), .reloadable = true,
	 .help = "what \"iss\" of a token must be; empty: anything"},
	{.name = "jwt-audience", .value_name = "TEXT", .standard = "", .type = OPTION_TEXT, AT(jwt_audience), .reloadable = true,
	 .help = "what \"aud\" of a token must be or name; empty: anything"},
	{.name = "jwt-leeway", .value_name = "SECONDS", .standard = "0", .type = OPTION_NUMBER, AT(jwt_leeway), .highest = 300, .reloadable = true,
	 .help = "how far the clock that made \"exp\" and \"nbf\" may be off"},
	{.name = "api-keys", .value_name = "FILE", .standard = "", .type = OPTION_CONTENT, AT(api_keys), .reloadable = true,
	 .help = "JSON object: the claims of each \"sb_\" key, such as {\"sb_publishable_x\": {\"role\": \"anon\"}}"},
	{.name = "public-channels", .value_name = "on|off", .standard = "on", .type = OPTION_SWITCH, AT(public_channels), .reloadable = true,
	 .help = "whether there are public channels besides sessions"},
	LIMITS(LIMIT_OPTION)
	{.name = "rpc", .value_name = "on|off", .standard = "on", .type = OPTION_SWITCH, AT(rpc),
	 .help = "whether functions can be called by HTTP, as PostgREST does it"},
	{.name = "rpc-functions", .value_name = "NAMES", .standard = "", .type = OPTION_TEXT, AT(rpc_functions),
	 .help = "functions that can be called besides the extension's: name or schema.name, commas between"},
	{.name = "rpc-connections", .value_name = "NUMBER", .standard = "4", .type = OPTION_NUMBER, AT(rpc_connections), .lowest = 1, .highest = 100,
	 .help = "database connections for calls: how many run at the same time"},
	{.name = "rpc-queue", .value_name = "NUMBER", .standard = "1000", .type = OPTION_NUMBER, AT(rpc_queue), .lowest = 1, .highest = 100000,
	 .help = "calls that may wait for one of them before others get 503"},
	{.name = "rpc-wait-ms", .value_name = "MILLISECONDS", .standard = "5000", .type = OPTION_NUMBER, AT(rpc_wait_ms), .lowest = 100, .highest = 600000,
	 .help = "how long a call may wait for one"},
	{.name = "rpc-timeout-ms", .value_name = "MILLISECONDS", .standard = "5000", .type = OPTION_NUMBER, AT(rpc_timeout_ms), .lowest = 1, .highest = 600000,
	 .help = "how long a call may run (statement_timeout)"},
	{.name = "rpc-max-bytes", .value_name = "NUMBER", .standard = "131072", .type = OPTION_NUMBER, AT(rpc_max_bytes), .lowest = 64, .highest = 100000000,
	 .help = "largest body of a call; a larger one is refused"},
	{.name = "probe-interval", .value_name = "SECONDS", .standard = "30", .type = OPTION_NUMBER, AT(probe_interval), .highest = 86400,
	 .help = "between two health checks of a provider that has a probe; 0: none"},
	{.name = "probe-timeout-ms", .value_name = "MILLISECONDS", .standard = "5000", .type = OPTION_NUMBER, AT(probe_timeout_ms), .lowest = 100, .highest = 60000,
	 .help = "after which a health check has failed"},
	{.name = "threads", .value_name = "NUMBER", .standard = "1", .type = OPTION_NUMBER, AT(threads), .lowest = 1, .highest = LOOPS_MAX,
	 .help = "event loops, each in a thread and with database connections of its own; one a core at most"},
	{.name = "drain-seconds", .value_name = "SECONDS", .standard = "5", .type = OPTION_NUMBER, AT(drain_seconds), .highest = 3600, .reloadable = true,
	 .help = "time over which SIGTERM spreads the closing of connections"},
	{.name = "max-lag-ms", .value_name = "MILLISECONDS", .standard = "5000", .type = OPTION_NUMBER, AT(max_lag_ms), .lowest = 100, .highest = 3600000, .reloadable = true,
	 .help = "publisher lag above which /readyz says no"},
	{.name = "log-level", .value_name = "LEVEL", .standard = "info", .type = OPTION_LEVEL, AT(log_level), .reloadable = true,
	 .help = "error, warning, info or debug"},
	{.name = "check-config",
	 .help = "read all settings and files, say what is wrong, and end"},
	{.name = "print-config",
	 .help = "show all settings, secrets masked, and end"},
	{.name = "print-docs",
	 .help = "show the tables of docs/reference.md, and end", .hidden = true},
	{.name = "help",
	 .help = "show this, and end"},
	{.name = "version",
	 .help = "show the version, and end"},
};
/* clang-format on */

const size_t options_table_size = sizeof(options_table) / sizeof(options_table[0]);

void
option_variable(const struct option *option, char variable[OPTION_NAME_MAX])
{
	size_t used = sizeof(ENVIRONMENT_PREFIX) - 1;

	memcpy(variable, ENVIRONMENT_PREFIX, used);
	for (const char *c = option->name; *c != '\0'; c++)
		variable[used++] = (char) (*c == '-' ? '_' : toupper((unsigned char) *c));
	variable[used] = '\0';
}

const struct option *
option_find(struct slice name)
{
	for (size_t i = 0; i < options_table_size; i++)
	{
		if (slice_equal(name, slice_text(options_table[i].name)))
			return &options_table[i];
	}
	return NULL;
}

/* Levenshtein's distance; names are short, so a small table will do. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[OPTION_NAME_MAX + 1];
	size_t length = strnlen(b, OPTION_NAME_MAX);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i] != '\0'; i++)
	{
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 1; j <= length; j++)
		{
			size_t cost = diagonal + (a[i] != b[j - 1]);

			diagonal = row[j];
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			if (row[j] + 1 < cost)
				cost = row[j] + 1;
			row[j] = cost;
		}
	}
	return row[length];
}

const char *
option_nearest(const char *name)
{
	const char *nearest = options_table[0].name;

	for (size_t i = 1; i < options_table_size; i++)
	{
		if (distance(name, options_table[i].name) < distance(name, nearest))
			nearest = options_table[i].name;
	}
	return nearest;
}
