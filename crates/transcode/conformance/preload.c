/* What the conformance runner's binary asks of a newer C library than Debian 12 has (glibc 2.36, GCC 12).
 *
 * Its C23 number parsers differ from the older ones only in reading "0b" prefixes in base 0 and 2, and the iostream
 * initialiser is what older libstdc++ headers put into every object file. Loaded with LD_PRELOAD. */
#include <stdlib.h>

long __isoc23_strtol(const char *text, char **end, int base) { return strtol(text, end, base); }
long long __isoc23_strtoll(const char *text, char **end, int base) { return strtoll(text, end, base); }
unsigned long __isoc23_strtoul(const char *text, char **end, int base) { return strtoul(text, end, base); }
unsigned long long __isoc23_strtoull(const char *text, char **end, int base) { return strtoull(text, end, base); }
void _ZSt21ios_base_library_initv(void) {}
