/* The version of the whole suite, for --version, logs and metrics. CHANGELOG.md tells what it has.
 */
#pragma once

#define ES_VERSION "0.1.0"
