#!/usr/bin/env node
// For callers that know the driver by this name; melf-c++.cjs starts quicker.
import './melf-c++.cjs';
