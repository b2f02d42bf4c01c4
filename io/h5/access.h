// What this process lets HDF5 do beyond reading the named file. Both are off unless the user asked:
// a plugin is code, and an external file can be any file the user may read.
#pragma once

namespace rankine::io {

struct Access {
  bool plugins = false;   // --allow-plugins: filters from HDF5_PLUGIN_PATH
  bool external = false;  // --allow-external: raw data in other files
  template <class Archive>
  void serialize(Archive& archive) {
    archive(plugins, external);
  }
};

// Set once, before the first file is opened; the probe child inherits it.
void set_access(Access access);
Access access();

}  // namespace rankine::io
