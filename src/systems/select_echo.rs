//! select-echo.
