#include "io/codec/version.h"

#include <blosc.h>
#include <bzlib.h>
#include <libdeflate.h>
#include <lz4.h>
#include <zstd.h>

namespace rankine::io {

std::vector<std::pair<std::string, std::string>> codec_versions() {
  const std::string bzip2 = BZ2_bzlibVersion();  // "1.0.8, 13-Jul-2019"
  return {{"libdeflate", LIBDEFLATE_VERSION_STRING},
          {"zstd", ZSTD_versionString()},
          {"lz4", LZ4_versionString()},
          {"blosc", blosc_get_version_string()},
          {"bzip2", bzip2.substr(0, bzip2.find(','))}};
}

}  // namespace rankine::io
