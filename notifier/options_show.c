/*
 * options_show.c
 *		The table of options, shown: for people, for their files, for the docs.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "exit_codes.h"
#include "metrics.h"
#include "options_table.h"

#define MASK "******"

static void
print_details(const struct option *option)
{
	char variable[OPTION_NAME_MAX];

	option_variable(option, variable);
	printf("  %-30s (%s; default %s", "", variable,
		   *option->standard != '\0' ? option->standard : "empty");
	if (option->type == OPTION_NUMBER)
		printf("; %llu to %llu", (unsigned long long) option->lowest,
			   (unsigned long long) option->highest);
	printf("%s)\n", option->reloadable ? "; SIGHUP" : "");
}

void
options_print_help(void)
{
	printf("harthio-notifier: PostgreSQL's session states for Supabase Realtime clients\n\n"
		   "Usage: harthio-notifier [OPTION]...\n\n"
		   "In parentheses: environment variable; default; range; whether SIGHUP reads it\n"
		   "anew.  A flag beats the environment, which beats the file.\n\n");
	for (size_t i = 0; i < options_table_size; i++)
	{
		const struct option *option = &options_table[i];
		char				 flag[2 * OPTION_NAME_MAX];

		if (option->hidden)
			continue;
		snprintf(flag, sizeof(flag), "--%s %s", option->name,
				 option->value_name != NULL ? option->value_name : "");
		printf("  %-30s %s\n", flag, option->help);
		if (option->type != OPTION_ACTION)
			print_details(option);
	}
	printf("\nExit codes:\n");
#define PRINT_EXIT_CODE(name, number, when) printf("  %-3d %s\n", number, when);
	EXIT_CODES(PRINT_EXIT_CODE)
#undef PRINT_EXIT_CODE
}

/* All that libpq was given, but what it would not show either. */
static void
print_conninfo(const char *text)
{
	PQconninfoOption *parsed = PQconninfoParse(text, NULL);
	const char		 *space = "";

	for (PQconninfoOption *one = parsed; one != NULL && one->keyword != NULL; one++)
	{
		if (one->val == NULL)
			continue;
		printf("%s%s=%s", space, one->keyword,
			   strchr(one->dispchar, '*') != NULL ? MASK : one->val);
		space = " ";
	}
	PQconninfoFree(parsed);
}

void
options_print(const struct options *options)
{
	for (size_t i = 0; i < options_table_size; i++)
	{
		const struct option		  *option = &options_table[i];
		const struct option_given *given = &options->given[i];

		if (option->type == OPTION_ACTION)
			continue;
		printf("# %s\n%s = ", given->source, option->name);
		if (option->type == OPTION_CONNINFO)
			print_conninfo(given->text);
		else if (option->secret && given->text[0] != '@' && given->text[0] != '\0')
			printf(MASK);
		else
			printf("%s", given->text);
		printf("\n");
	}
}

/* A bar ends a cell of the table. */
static void
print_cell(const char *text)
{
	printf(" ");
	for (; *text != '\0'; text++)
		printf(*text == '|' ? "\\|" : "%c", *text);
	printf(" |");
}

static void
print_option_row(const struct option *option)
{
	char value[OPTION_NAME_MAX + 64];

	snprintf(value, sizeof(value), "`%s`", option->value_name);
	if (option->type == OPTION_NUMBER)
		snprintf(value, sizeof(value), "%llu to %llu", (unsigned long long) option->lowest,
				 (unsigned long long) option->highest);
	printf("| `%s` |", option->name);
	print_cell(value);
	print_cell(option->standard);
	print_cell(option->reloadable ? "yes" : "no");
	print_cell(option->help);
	printf("\n");
}

void
options_print_docs(void)
{
	printf("| option | value | default | SIGHUP | |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < options_table_size; i++)
	{
		if (options_table[i].type != OPTION_ACTION)
			print_option_row(&options_table[i]);
	}
	printf("\n| exit code | |\n|---|---|\n");
#define PRINT_EXIT_CODE(name, number, when) printf("| %d | %s |\n", number, when);
	EXIT_CODES(PRINT_EXIT_CODE)
#undef PRINT_EXIT_CODE
	printf("\n");
	metrics_print_docs();
}
