@echo off
rem Runs msforge from this checkout on Windows: ./forge simulate examples/shop/shop.yaml, ./forge test.
rem It only finds a Python; tools\bootstrap.py sets everything else up. bash uses the script named forge.
setlocal
set "FORGE_ROOT=%~dp0"
set "FORGE_VENV=%MSFORGE_VENV%"
if not defined FORGE_VENV set "FORGE_VENV=%FORGE_ROOT%.venv"
set "FORGE_CHECK=import sys; sys.exit(sys.version_info < (3, 11))"

rem Set up before: the environment's own Python is the quickest way in.
if not exist "%FORGE_VENV%\forge.json" goto search
if not exist "%FORGE_VENV%\Scripts\python.exe" goto search
"%FORGE_VENV%\Scripts\python.exe" "%FORGE_ROOT%tools\bootstrap.py" %*
exit /b %ERRORLEVEL%

:search
rem The Store's "python" is a stub that only opens a shop window, so each one has to prove itself.
if not defined MSFORGE_PYTHON goto launcher
"%MSFORGE_PYTHON%" -c "%FORGE_CHECK%" >nul 2>nul
if errorlevel 1 goto launcher
"%MSFORGE_PYTHON%" "%FORGE_ROOT%tools\bootstrap.py" %*
exit /b %ERRORLEVEL%

:launcher
py -3 -c "%FORGE_CHECK%" >nul 2>nul
if errorlevel 1 goto python
py -3 "%FORGE_ROOT%tools\bootstrap.py" %*
exit /b %ERRORLEVEL%

:python
python -c "%FORGE_CHECK%" >nul 2>nul
if errorlevel 1 goto python3
python "%FORGE_ROOT%tools\bootstrap.py" %*
exit /b %ERRORLEVEL%

:python3
python3 -c "%FORGE_CHECK%" >nul 2>nul
if errorlevel 1 goto none
python3 "%FORGE_ROOT%tools\bootstrap.py" %*
exit /b %ERRORLEVEL%

:none
echo forge: msforge needs Python 3.11 or newer, and none was found. 1>&2
echo   winget install Python.Python.3.13      ^(or https://www.python.org/downloads^) 1>&2
echo If it is installed somewhere else, set MSFORGE_PYTHON to its python.exe. 1>&2
exit /b 1
