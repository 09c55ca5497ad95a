/*
 * exit_codes.h
 *		How harthio-notifier ends: the one list of its exit codes.
 */
#ifndef HARTHIO_EXIT_CODES_H
#define HARTHIO_EXIT_CODES_H

enum exit_code
{
	EXIT_CODE_OK = 0,			 /* asked to stop, and stopped */
	EXIT_CODE_USAGE = 1,		 /* the command line makes no sense */
	EXIT_CODE_CONFIGURATION = 2, /* a setting has an impossible value */
	EXIT_CODE_BIND = 3,			 /* cannot listen on the address */
	EXIT_CODE_DATABASE = 4,		 /* the connection string is hopeless */
	EXIT_CODE_VERSION = 5,		 /* the extension speaks another version */
	EXIT_CODE_INTERNAL = 70		 /* a fault of our own */
};

#endif
