//! suffix-echo.
