#include "io/codec/codecs.h"

namespace rankine::io {

Error corrupt(std::string what) {
  return input_error(std::move(what), "", "the file is damaged; make or copy it again");
}

}  // namespace rankine::io
