/*
 * exit_codes.h
 *		How harthio-notifier ends: the one list of its exit codes.
 */
#ifndef HARTHIO_EXIT_CODES_H
#define HARTHIO_EXIT_CODES_H

/* X(name, number, when) */
#define EXIT_CODES(X)                                                      \
	X(OK, 0, "asked to stop, and stopped")                                 \
	X(USAGE, 1, "the command line makes no sense")                         \
	X(CONFIGURATION, 2, "a setting, or a file that it names, is no good")  \
	X(BIND, 3, "cannot listen on an address")                              \
	X(DATABASE, 4, "the connection string is hopeless")                    \
	X(VERSION, 5, "the extension speaks another version")                  \
	X(SUPERUSER, 6, "the database's role is a superuser: allow-superuser") \
	X(INTERNAL, 70, "a fault of our own")

enum exit_code
{
#define EXIT_CODE_NUMBER(name, number, when) EXIT_CODE_##name = (number),
	EXIT_CODES(EXIT_CODE_NUMBER)
#undef EXIT_CODE_NUMBER
};

#endif
