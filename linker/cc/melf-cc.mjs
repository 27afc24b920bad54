#!/usr/bin/env node
// For callers that know the driver by this name; melf-cc.cjs starts quicker.
import './melf-cc.cjs';
