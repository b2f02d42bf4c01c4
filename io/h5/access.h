// What this process makes of files beyond reading the named one. All are off unless the user asked:
// a plugin is code, and an external file can be any file the user may read.
#pragma once

namespace rankine::io {

struct Access {
  bool plugins = false;       // --allow-plugins: filters from HDF5_PLUGIN_PATH
  bool external = false;      // --allow-external: raw data in other files
  bool missing = false;       // --allow-missing: virtual sources that are not there are fill values
  bool default_fill = false;  // --default-fill: netCDF's fill values are missing, undeclared too
  template <class Archive>
  void serialize(Archive& archive) {
    archive(plugins, external, missing, default_fill);
  }
};

// Set once, before the first file is opened; the probe child inherits it.
void set_access(Access access);
Access access();

}  // namespace rankine::io
